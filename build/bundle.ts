import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';

/**
 * `npm run build`: the command line in few files under dist/, which start faster than a few hundred. Whoever installs
 * the package and the container run it; a clone without dist/ runs src/ as it is. SQL and other texts stay in src/.
 */
const root = path.dirname(import.meta.dirname);
const dist = path.join(root, 'dist');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
/** What a run waits for and is many files; all else is loaded from node_modules when it is needed. */
const BUNDLED =
  /^(@azure\/(core-amqp|event-hubs|storage-blob|identity)|@duckdb\/node-api|commander|zod|eta|hyparquet|cli-table3)$/;
/** Reached by its private names: there must be one of it, in node_modules. */
const NEVER = ['rhea', 'rhea-promise'];

rmSync(dist, { recursive: true, force: true });
const external = [...Object.keys(manifest.dependencies).filter((name) => !BUNDLED.test(name)), ...NEVER];
const bundle = await rolldown({
  input: { sluice: path.join(root, 'src/cli/main.ts') },
  platform: 'node',
  external: (id) => external.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: [
    {
      name: 'own-files-stay-where-they-are',
      transform(code, id) {
        const file = path.relative(root, id).split(path.sep).join('/');
        if (!/^(src|schemas)\//.test(file)) return null;
        return code.replaceAll('import.meta.url', `new URL(${JSON.stringify(`../${file}`)}, import.meta.url).href`);
      },
    },
  ],
});
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  sourcemap: false,
});
await bundle.close();

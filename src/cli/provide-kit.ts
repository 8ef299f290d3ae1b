import { registerHooks } from 'node:module';

const NAME = 'sluice/pipeline-kit';
const ADDRESS = 'sluice:pipeline-kit';
const KEY = 'sluice.pipeline-kit';

let provided = false;

/**
 * Gives modules that import `sluice/pipeline-kit` the engine's own copy, wherever they lie and whether the engine is a
 * bundle or its sources: only contracts made of its own parts can it check as data, in SQL; all others by zod alone.
 */
export async function provideKit(): Promise<void> {
  if (provided) return;
  provided = true;
  const kit = await import('../pipeline-kit.ts');
  Reflect.set(globalThis, Symbol.for(KEY), kit);
  const source = `export const { ${Object.keys(kit).join(', ')} } = globalThis[Symbol.for('${KEY}')];`;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === NAME ? { url: ADDRESS, format: 'module', shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url === ADDRESS ? { format: 'module', source, shortCircuit: true } : next(url, context),
  });
}

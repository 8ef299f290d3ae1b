// oxlint-disable-next-line no-restricted-imports -- a tool of the room, not a contract: it writes files
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { jsonSchemas } from './json-schemas.ts';

/** Replaces the folder by the JSON Schemas of all contracts. The URL ends with a slash. */
export function generate(folder: URL): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, schema] of jsonSchemas()) {
    writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
  }
}

if (import.meta.main) generate(new URL('json/', import.meta.url));

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { generate } from '../../../schemas/generate.ts';

const kept = new URL('../../../schemas/json/', import.meta.url);

test('the kept JSON Schemas are those that `npm run generate` makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-schemas-'));
  try {
    const fresh = pathToFileURL(`${folder}/`);
    generate(fresh);
    expect(contents(kept)).toEqual(contents(fresh));
    expect(Object.keys(contents(fresh))).toHaveLength(15);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function contents(folder: URL): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
  );
}

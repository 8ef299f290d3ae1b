import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';
import { releaseMemory } from '../../../src/base/release-memory.ts';

test('a buffer is empty once its memory is given back, twice too', () => {
  const bytes = new Uint8Array(100);
  releaseMemory(bytes.buffer);
  expect(bytes.length).toBe(0);
  releaseMemory(bytes.buffer);
  releaseMemory(undefined);
  const shared = new SharedArrayBuffer(8);
  releaseMemory(shared);
  expect(shared.byteLength).toBe(8);
});

/** As the bundle has it: where Node strips types itself, it takes back a buffer on the way. */
function bundled(): string {
  const source = readFileSync(new URL('../../../src/base/release-memory.ts', import.meta.url), 'utf8');
  return `data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(source))}`;
}

test('code that V8 has compiled for typed arrays outlives the first buffer that is taken back', () => {
  const script = (imports: string): string => `${imports}
    const sum = (array) => { let all = 0; for (let at = 0; at < array.length; at++) all += array[at]; return all; };
    const array = new Float64Array(1000);
    for (let round = 0; round < 20000; round++) sum(array);
    console.log(%GetOptimizationStatus(sum) & 16);
    new ArrayBuffer(64).transfer(0);
    sum(array);
    console.log(%GetOptimizationStatus(sum) & 16);`;
  const compiled = (imports: string): string => {
    const flags = ['--allow-natives-syntax', '--no-concurrent-recompilation', '--input-type=module'];
    return execFileSync(process.execPath, [...flags, '-e', script(imports)], { encoding: 'utf8' });
  };
  expect(compiled('')).toBe('16\n0\n');
  expect(compiled(`import ${JSON.stringify(bundled())};`)).toBe('16\n16\n');
});

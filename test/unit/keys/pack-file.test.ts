import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HASH_BITS, PackFile } from '../../../src/keys/pack-file.ts';
import { writePack } from '../../../src/keys/write-pack.ts';
import { randomFrom } from '../../support/hostile-stream.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-packs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => path.join(folder, `${files++}.keys`);

async function packOf(hashes: ReadonlyMap<string, readonly number[]>, folded: readonly PackFile[] = []) {
  const file = newFile();
  const lists = new Map([...hashes].map(([name, list]) => [name, Float64Array.from(list)]));
  await writePack(file, lists, folded, (name) => !name.startsWith('dead'));
  return PackFile.open(file);
}

const inOrder = (hashes: readonly number[]): Float64Array => Float64Array.from(hashes).toSorted();

const HASH_MAX = 2 ** HASH_BITS - 1;
/** Many that are near each other, or at an edge, beside any. */
const hash = fc.oneof(
  fc.integer({ min: 0, max: HASH_MAX }),
  fc.constantFrom(0, 1, HASH_MAX, HASH_MAX - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 37),
  fc.integer({ min: 2 ** 33, max: 2 ** 33 + 40 }),
);
const contents = fc.dictionary(fc.stringMatching(/^(file|dead)-[0-9]{1,3}$/), fc.array(hash, { maxLength: 30 }), {
  maxKeys: 40,
});

test('any hashes of any files, folded again and again: each file is found by its own hashes and no other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(contents, { minLength: 1, maxLength: 3 }),
      fc.array(hash, { maxLength: 20 }),
      async (made, more) => {
        const whole = new Map<string, readonly number[]>();
        let pack: PackFile | undefined;
        for (const part of made) {
          for (const name of whole.keys()) if (name.startsWith('dead')) whole.delete(name);
          const added = Object.entries(part);
          for (const [name, hashes] of added) if (!whole.has(name)) whole.set(name, hashes);
          // A file never changes: where it comes again it is as it was.
          const same = new Map(added.map(([name]) => [name, whole.get(name) ?? []]));
          pack = await packOf(same, pack === undefined ? [] : [pack]);
        }
        expect(pack?.files.toSorted()).toEqual([...whole.keys()].toSorted());
        const all = [...whole.values()].flat();
        for (const wanted of [more, all.slice(0, 3), all, []]) {
          const found = await pack?.holding(inOrder(wanted));
          const expected = [...whole].filter(([, hashes]) => hashes.some((one) => wanted.includes(one)));
          expect([...(found ?? [])].toSorted()).toEqual(expected.map(([name]) => name).toSorted());
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a hundred thousand hashes of three hundred files, looked up by the thousand, and 4.3 bytes a hash', async () => {
  const random = randomFrom(5);
  const any = (): number => random.below(2 ** 19) * 2 ** 19 + random.below(2 ** 19);
  const whole = new Map(
    Array.from({ length: 300 }, (_, at) => [`file ${at}`, Array.from({ length: 400 }, any)] as const),
  );
  const pack = await packOf(whole);
  const wanted = [3, 77, 299].flatMap((at) => whole.get(`file ${at}`) ?? []);
  expect(await pack.holding(inOrder(wanted))).toEqual(new Set(['file 3', 'file 77', 'file 299']));
  expect(await pack.holding(inOrder(wanted.slice(0, 5)))).toEqual(new Set(['file 3']));
  const others = Array.from({ length: 2000 }, any);
  const hits = await pack.holding(inOrder(others));
  expect(hits.size).toBeLessThan(3);
});

test('bytes that were changed or are missing: no pack, or one that answers', async () => {
  const random = randomFrom(9);
  const sound = newFile();
  const hashes = new Map(
    [1, 2, 3].map((at) => [`file ${at}`, Float64Array.from({ length: 50 }, () => random.below(2 ** 30) * at)]),
  );
  await writePack(sound, hashes, [], () => true);
  const bytes = readFileSync(sound);
  let refused = 0;
  for (let trial = 0; trial < 300; trial++) {
    const broken = Buffer.from(bytes.subarray(0, random.chance(0.3) ? random.below(bytes.length) : bytes.length));
    if (broken.length > 0) broken[random.below(Math.min(broken.length, 200))] = random.below(256);
    const file = newFile();
    writeFileSync(file, broken);
    const pack = await PackFile.open(file).catch((error: unknown) => error);
    if (pack instanceof PackFile) await pack.holding(inOrder([1, 2, 3]));
    else refused += Number(pack instanceof RangeError);
    rmSync(file);
  }
  // Some edits put there what was there before.
  expect(refused).toBeGreaterThan(290);
});

test('more files than a pack has room for are refused', async () => {
  const many = new Map(Array.from({ length: 2 ** 16 + 1 }, (_, at) => [`${at}`, new Float64Array(0)]));
  await expect(writePack(newFile(), many, [], () => true)).rejects.toThrow(RangeError);
});

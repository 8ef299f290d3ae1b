import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeLogCheckpoint } from '../../../src/delta/delta.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/storage.ts';
import { leg } from '../../support/call-centre-events.ts';
import { openWorkshop, SmallLake, type Workshop } from '../../support/small-lake.ts';

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());

/** A lake of three bronze versions, and a store of it where something is gone. */
async function lakes(
  broken: (whole: ObjectStore) => Partial<ObjectStore>,
): Promise<[sound: SmallLake, failing: SmallLake]> {
  const memory = openMemory();
  const sound = new SmallLake(workshop, undefined, memory);
  for (const leg_id of ['a', 'b', 'c']) await sound.bronze('call_legs', [leg({ leg_id })]);
  return [sound, new SmallLake(workshop, undefined, { ...memory, ...broken(memory) })];
}

async function legsAfterFailure(sound: SmallLake, failing: SmallLake): Promise<unknown[]> {
  await expect(failing.silver('call_legs', { sliceBytesMax: 1 })).rejects.toThrow('gone');
  return (await sound.rows('silver/call_legs')).map((row) => row['leg_id']);
}

test('a next slice that cannot be planned does not keep this one from its commit', async () => {
  const [sound, failing] = await lakes((whole) => ({
    async read(path, signal) {
      if (path === 'bronze/call_legs/_delta_log/00000000000000000003.json') throw new Error('gone');
      return whole.read(path, signal);
    },
  }));
  // So that the snapshot needs no entry.
  await writeLogCheckpoint(sound.table('bronze/call_legs'), { nowMs: 0 }, new AbortController().signal);
  expect(await legsAfterFailure(sound, failing)).toEqual(['a']);
});

test('a next slice that cannot be read does not keep this one from its commit', async () => {
  const seen = new Set<string>();
  const [sound, failing] = await lakes((whole) => ({
    async download(path, localFile, signal) {
      if (path.startsWith('bronze/') && seen.add(path).size > 1) throw new Error('gone');
      return whole.download(path, localFile, signal);
    },
  }));
  expect(await legsAfterFailure(sound, failing)).toEqual(['a']);
});

test('a merge that fails after the lease was lost is for nothing, and no error', async () => {
  const [sound, failing] = await lakes((whole) => ({
    async upload(path, localFile, signal) {
      if (path.startsWith('silver/call_legs/')) throw new Error('no room');
      return whole.upload(path, localFile, signal);
    },
  }));
  await expect(failing.silver('call_legs')).rejects.toThrow('no room');
  await sound.silver('call_legs');
  await sound.bronze('call_legs', [leg({ leg_id: 'd' })]);
  failing.fence = sound.fence - 1;
  expect(await failing.silver('call_legs')).toMatchObject({ outcome: 'locked' });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openMemory } from '../../../src/storage/memory.ts';
import { leg } from '../../support/call-centre-events.ts';
import { openWorkshop, SmallLake, type Workshop } from '../../support/small-lake.ts';

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());

test('a next slice that cannot be planned does not keep this one from its commit', async () => {
  const memory = openMemory();
  let reads = 0;
  const store = {
    ...memory,
    async read(path: string, signal: AbortSignal) {
      if (path === 'bronze/call_legs/_delta_log/00000000000000000003.json' && ++reads > 1) throw new Error('gone');
      return memory.read(path, signal);
    },
  };
  const [sound, failing] = [new SmallLake(workshop, undefined, memory), new SmallLake(workshop, undefined, store)];
  for (const leg_id of ['a', 'b', 'c']) await sound.bronze('call_legs', [leg({ leg_id })]);
  await expect(failing.silver('call_legs', { sliceBytesMax: 1 })).rejects.toThrow('gone');
  expect((await sound.rows('silver/call_legs')).map((row) => row['leg_id'])).toEqual(['a']);
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compactTable, type CompactOptions } from '../../../src/delta/delta.ts';
import { arrival, leg } from '../../support/call-centre-events.ts';
import type { Arrival } from '../../support/slow-model.ts';
import { openWorkshop, present, SmallLake, type Workshop } from '../../support/small-lake.ts';

const signal = new AbortController().signal;

let workshop: Workshop;
let lake: SmallLake;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop.close());
beforeEach(() => {
  lake = new SmallLake(workshop);
});

/** Legs of one day, one a bronze commit; two partitions in turn, the later number always after the earlier. */
async function bronzeCommits(count: number, first = 0): Promise<void> {
  for (let at = first; at < first + count; at++) await lake.bronze('call_legs', [legNumber(at)]);
}

function legNumber(at: number): Arrival {
  return leg({ call_id: `c${at}`, leg_id: `l${at}` }, { partition: at % 2, sequence: at * 2 });
}

function compact(root: string, more: Partial<CompactOptions> = {}) {
  const { openDatabase, scratch, fence, ...context } = lake.tools();
  const options = { openDatabase, scratch, fence, context, inputBytesMax: 1e9, readThrough: undefined, ...more };
  return compactTable(lake.table(root), options, signal);
}

async function fileCount(root: string): Promise<number> {
  return present(await lake.snapshot(root)).files.size;
}

describe('compaction', () => {
  test('many small files become one a partition value, with the same rows in order, and right statistics', async () => {
    await bronzeCommits(6);
    const before = await lake.rows('bronze/call_legs');
    const found = await compact('bronze/call_legs', { orderBy: ['partition_id', 'sequence_number'] });
    expect(found).toMatchObject({ outcome: 'complete', filesRemoved: 6, filesAdded: 1, filesLeft: 0 });
    const after = await lake.rows('bronze/call_legs');
    const order = (rows: typeof before) => rows.map((row) => `${row['partition_id']}/${row['sequence_number']}`);
    expect(order(after)).toEqual(['0/0', '0/4', '0/8', '1/2', '1/6', '1/10']);
    expect(order(after).toSorted()).toEqual(order(before).toSorted());
    const [file] = present(await lake.snapshot('bronze/call_legs')).files.values();
    const statistics = JSON.parse(present(present(file).statistics));
    expect(statistics).toMatchObject({ numRecords: 6, minValues: { sequence_number: 0 } });
    expect(statistics).toMatchObject({ maxValues: { sequence_number: 10 } });
    expect((await compact('bronze/call_legs')).outcome).toBe('empty');
  });

  test('the log says that no row changed', async () => {
    await bronzeCommits(2);
    const { version } = present(await lake.snapshot('bronze/call_legs'));
    await compact('bronze/call_legs');
    const path = `bronze/call_legs/_delta_log/${String(version + 1).padStart(20, '0')}.json`;
    const lines = Buffer.from(present(await lake.store.read(path, signal)))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const changes = lines.flatMap(({ add, remove }) => add ?? remove ?? []);
    expect(changes).toHaveLength(3);
    expect(changes.every(({ dataChange }) => dataChange === false)).toBe(true);
  });

  test('a file whose rows have no room in memory stays as it is, and is counted; the others become one', async () => {
    await bronzeCommits(3);
    const body = ' '.repeat(50_000);
    await lake.bronze('call_legs', [arrival('call_legs', body, { partition: 0, sequence: 100 })]);
    await bronzeCommits(3, 60);
    const before = await lake.rows('bronze/call_legs');
    // A chunk of 2,048 rows of 50,000 bytes is larger than two such row groups; one of these legs is not.
    const found = await compact('bronze/call_legs', { rowGroupBytesMax: 2 ** 23 });
    expect(found).toMatchObject({ outcome: 'complete', filesRemoved: 6, filesAdded: 1, filesLarge: 1, filesLeft: 0 });
    expect(await fileCount('bronze/call_legs')).toBe(2);
    const sorted = (rows: typeof before) => rows.map((row) => JSON.stringify(row)).toSorted();
    expect(sorted(await lake.rows('bronze/call_legs'))).toEqual(sorted(before));
    const roomy = { rowGroupBytesMax: 2 ** 27 };
    expect(await compact('bronze/call_legs', roomy)).toMatchObject({ filesRemoved: 2, filesAdded: 1, filesLarge: 0 });
  });

  test('row groups have as many rows as have room', async () => {
    const legs = Array.from({ length: 5000 }, (_, at) => legNumber(at));
    await lake.bronze('call_legs', legs);
    await lake.bronze('call_legs', [legNumber(5000)]);
    await compact('bronze/call_legs', { rowGroupBytesMax: 2 ** 20 });
    const [file] = present(await lake.snapshot('bronze/call_legs')).files.values();
    const copy = await lake.tools().scratch.fetch(lake.store, `bronze/call_legs/${present(file).path}`, signal);
    const database = await lake.tools().openDatabase();
    const groups = 'SELECT DISTINCT row_group_num_rows AS "rows" FROM parquet_metadata($copy) ORDER BY 1';
    const rows = (await database.rows(groups, { copy })).map((row) => Number(row['rows']));
    // Of 350 bytes a body and some for the rest 2,048 have room, and not twice as many.
    expect(rows).toEqual([5001 - 2 * 2048, 2048]);
  });

  test('files after what every reader has applied stay, and are counted as waiting', async () => {
    await bronzeCommits(5);
    // Version 0 makes the table, 1 to 5 add a file each.
    const unread = [...present(await lake.snapshot('bronze/call_legs')).files.keys()].slice(3);
    expect(await compact('bronze/call_legs', { readThrough: 3 })).toMatchObject({ filesRemoved: 3, filesWaiting: 2 });
    const after = present(await lake.snapshot('bronze/call_legs')).files;
    expect(unread.every((path) => after.has(path))).toBe(true);
    expect(await compact('bronze/call_legs', { readThrough: -1 })).toMatchObject({ outcome: 'empty', filesWaiting: 3 });
  });

  test('a bounded call leaves the rest to the next, which goes on where it stopped', async () => {
    await bronzeCommits(6);
    const [one] = present(await lake.snapshot('bronze/call_legs')).files.values();
    const size = present(one).sizeBytes;
    const bounds = { inputBytesMax: 1, targetBytes: size * 2.5 };
    expect(await compact('bronze/call_legs', bounds)).toMatchObject({
      outcome: 'complete',
      filesRemoved: 2,
      filesLeft: 4,
    });
    expect(await fileCount('bronze/call_legs')).toBe(5);
    expect(await compact('bronze/call_legs', { ...bounds, inputBytesMax: 1e9 })).toMatchObject({ filesLeft: 0 });
    expect(await lake.rows('bronze/call_legs')).toHaveLength(6);
  });

  test('a stop before it leaves the table as it is', async () => {
    await bronzeCommits(2);
    const stop = AbortSignal.abort();
    expect(await compact('bronze/call_legs', { stop })).toMatchObject({ outcome: 'stopped', filesRemoved: 0 });
    expect(await fileCount('bronze/call_legs')).toBe(2);
  });

  /** Two files of rejected events. */
  async function rejectTwice(): Promise<void> {
    for (const sequence of [1, 3]) {
      await lake.bronze('call_legs', [arrival('call_legs', 'no json', { sequence })]);
      await lake.silver('call_legs');
    }
  }

  test('a lease that another has taken ends it without a change', async () => {
    await rejectTwice();
    expect((await compact('silver/rejected_events', { fence: 0 })).outcome).toBe('locked');
    expect(await fileCount('silver/rejected_events')).toBe(2);
    expect(await compact('silver/rejected_events')).toMatchObject({ outcome: 'complete', filesAdded: 1 });
  });

  test('files that another writer took away meanwhile are planned anew, and no row comes back', async () => {
    await rejectTwice();
    const open = lake.tools().openDatabase;
    let raced = false;
    const openDatabase: typeof open = async () => {
      if (!raced) {
        raced = true;
        await lake.rebuildSilver('call_legs', { sliceBytesMax: 1 });
      }
      return open();
    };
    const found = await compact('silver/rejected_events', { openDatabase });
    expect(found).toMatchObject({ outcome: 'complete', filesRemoved: 2, filesAdded: 1 });
    expect(await lake.rows('silver/rejected_events')).toHaveLength(2);
  });

  test('silver and gold go on over compactions as if there had been none', async () => {
    await lake.agents([]);
    for (const part of [0, 1, 2]) {
      await bronzeCommits(2, part * 2);
      await lake.run();
      await lake.bronze('call_legs', [
        leg({ call_id: 'c0', leg_id: 'l0', area: `a${part}` }, { sequence: 100 + part }),
      ]);
      await lake.silver('call_legs');
      for (const root of ['silver/call_legs', 'gold/agent_daily', 'silver/rejected_events']) await compact(root);
      await compact('bronze/call_legs', { readThrough: 3 });
      await lake.run();
    }
    const files = present(await lake.snapshot('bronze/call_legs')).files.size;
    expect(files).toBeLessThan(9);
    const plain = new SmallLake(workshop);
    await plain.agents([]);
    await plain.bronze('call_legs', [0, 1, 2, 3, 4, 5].map(legNumber));
    const again = [0, 1, 2].map((part) =>
      leg({ call_id: 'c0', leg_id: 'l0', area: `a${part}` }, { sequence: 100 + part }),
    );
    await plain.bronze('call_legs', again);
    await plain.run();
    for (const root of ['silver/call_legs', 'gold/agent_daily']) {
      const sorted = async (of: SmallLake) => (await of.rows(root)).map((row) => JSON.stringify(row)).toSorted();
      expect({ root, rows: await sorted(lake) }).toEqual({ root, rows: await sorted(plain) });
    }
  });
});

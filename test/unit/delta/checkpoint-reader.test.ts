import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaves } from '../../../src/delta/checkpoint-leaves.ts';
import { decodeCheckpoint } from '../../../src/delta/checkpoint-reader.ts';
import { decodeRows } from '../../../src/delta/checkpoint-rows.ts';
import { readSnapshot, type TableLocation } from '../../../src/delta/delta.ts';
import { encodeEntry, type Action } from '../../../src/delta/log-entry.ts';
import { openDatabase, sqlFile, type Database } from '../../../src/duckdb/duckdb.ts';
import { readMetadata } from '../../../src/parquet/parquet.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { signal } from '../../support/delta-fixtures.ts';
import { randomFrom } from '../../support/hostile-stream.ts';

const copySql = sqlFile(new URL('../../../src/delta/log-checkpoint.sql', import.meta.url));

const protocol = { minReaderVersion: 1, minWriterVersion: 2 };
const metaData = {
  id: 'a-table',
  format: { provider: 'parquet', options: { one: '1' } },
  schemaString: '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}',
  partitionColumns: ['day', 'née'],
  configuration: { 'delta.appendOnly': 'true', empty: '' },
  createdTime: 1_767_225_600_000,
};

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sluice-checkpoint-'));
  database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 2, temporaryFolder: folder });
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

/** A checkpoint of these actions, written with these options. */
async function written(actions: readonly Action[], options = 'COMPRESSION zstd'): Promise<ArrayBuffer> {
  const [source, file] = [path.join(folder, 'actions.json'), path.join(folder, 'checkpoint.parquet')];
  await writeFile(source, encodeEntry(actions));
  await database.run(copySql.replace('COMPRESSION zstd', options), { actions: source, file });
  return new Uint8Array(await readFile(file)).buffer;
}

const random = randomFrom(13);
const pick = <T>(...values: readonly T[]): T => random.pick(values);

function anyAction(index: number): Action {
  const partitionValues = pick<Record<string, string | null>>({}, { day: '2026-01-05' }, { day: null, née: 'ü' });
  const name = `day=x/part-${index}-é.parquet`;
  const size = pick(0, 1, 2 ** 31, 2 ** 52);
  const add = { path: name, partitionValues, size, modificationTime: 1_767_225_600_000 + index, dataChange: false };
  const remove = { path: name, dataChange: pick(true, false) };
  return pick<Action>(
    { add },
    { add: { ...add, stats: `{"numRecords":${index},"maxValues":{"id":"${'x'.repeat(index % 40)}"}}` } },
    { remove },
    { remove: { ...remove, deletionTimestamp: index, extendedFileMetadata: pick(true, false), partitionValues, size } },
    { txn: { appId: `app ${index}`, version: index } },
    { txn: { appId: `app ${index}`, version: index, lastUpdated: 5 } },
  );
}

const facts: readonly Action[] = [{ protocol }, { metaData }];
const many = (count: number): Action[] => [...facts, ...Array.from({ length: count }, (_, index) => anyAction(index))];

describe('a checkpoint', () => {
  test.each([
    ['zstd', 'COMPRESSION zstd'],
    ['snappy', 'COMPRESSION snappy'],
    ['as it is', 'COMPRESSION uncompressed'],
    ['without dictionaries', 'COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1'],
    ['of several row groups', 'COMPRESSION zstd, ROW_GROUP_SIZE 2048'],
  ])('%s: from its leaves it is what it is from its rows, and what was written', async (_, options) => {
    const actions = many(5_000);
    const file = await written(actions, options);
    expect(decodeLeaves(file)).toEqual(actions);
    expect(await decodeRows(file)).toEqual(actions);
    expect(await decodeCheckpoint(new Uint8Array(file))).toEqual(actions);
  });

  test.each(['COMPRESSION gzip', 'COMPRESSION zstd, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT 1'])(
    'with %s: read from its rows',
    async (options) => {
      const actions = many(50);
      const file = await written(actions, options);
      expect(decodeLeaves(file)).toBeUndefined();
      expect(await decodeCheckpoint(new Uint8Array(file))).toEqual(actions);
    },
  );

  test('of Spark: the same both ways', async () => {
    const name = '../../golden/delta/spark-checkpoint/00000000000000000010.checkpoint.parquet';
    const file = new Uint8Array(await readFile(new URL(name, import.meta.url))).buffer;
    const leaves = decodeLeaves(file);
    expect(leaves).toHaveLength(6);
    // Statistics as a struct are what Spark adds and nobody here reads.
    const rows = (await decodeRows(file))?.map(({ add, ...other }) => {
      const { stats_parsed: _, ...members } = { stats_parsed: undefined, ...add };
      return add === undefined ? other : { add: members };
    });
    expect(leaves).toEqual(rows);
  });

  test('without protocol or metadata is none', async () => {
    const [one, other] = facts;
    expect(await decodeCheckpoint(new Uint8Array(await written([one ?? {}, anyAction(1)])))).toBeUndefined();
    expect(await decodeCheckpoint(new Uint8Array(await written([other ?? {}, anyAction(1)])))).toBeUndefined();
  });

  test('in several parts is read where all are there: one of them has the protocol', async () => {
    const location: TableLocation = { store: openMemory(), root: 'silver/things' };
    const add = (name: string): Action => {
      return { add: { path: name, partitionValues: {}, size: 1, modificationTime: 0, dataChange: false } };
    };
    const parts = [[...facts, add('a')], [add('b'), { txn: { appId: 'app', version: 7 } }], [add('c')]];
    for (const [index, actions] of parts.entries()) {
      const name = `00000000000000000010.checkpoint.000000000${index + 1}.0000000003.parquet`;
      const data = new Uint8Array(await written(actions));
      await location.store.put(`${location.root}/_delta_log/${name}`, data, signal);
    }
    const snapshot = await readSnapshot(location, signal);
    expect([...(snapshot?.files.keys() ?? [])].toSorted()).toEqual(['a', 'b', 'c']);
    expect(snapshot?.transactions.get('app')).toBe(7);
    const last = `${location.root}/_delta_log/00000000000000000010.checkpoint.0000000003.0000000003.parquet`;
    await location.store.delete(last, signal);
    await expect(readSnapshot(location, signal)).rejects.toMatchObject({ code: 'table_corrupt' });
  });

  test('with a schema of less than no children is none: it is not read for ever', async () => {
    const file = Buffer.from(await written(many(3)));
    // The struct's name, and behind it the field of its children: three.
    const at = file.lastIndexOf(Buffer.from('txn\u0015\u0006', 'latin1'));
    expect(at).toBeGreaterThan(0);
    file[at + 4] = 5;
    expect(await decodeCheckpoint(new Uint8Array(file))).toBeUndefined();
  });

  test('with a column that has another name is none, and no table without files', async () => {
    for (const options of ['COMPRESSION zstd', 'COMPRESSION gzip']) {
      const file = Buffer.from(await written(many(50), options));
      // Of the schema alone: the first one that the footer has.
      const at = file.indexOf(Buffer.from('path\u0015'), file.lastIndexOf(Buffer.from('schema\u0015')));
      expect(at).toBeGreaterThan(0);
      file.write('qath', at);
      // Pages that fail too: whoever has begun to read them when the name is missed has to hear of it.
      if (options.includes('gzip')) file.fill(0xff, 4, 100);
      expect(await decodeCheckpoint(new Uint8Array(file))).toBeUndefined();
    }
  });

  test('with a column that is compressed otherwise than the others is none', async () => {
    const file = Buffer.from(await written(many(50), 'COMPRESSION zstd'));
    const codec = file.lastIndexOf(Buffer.from('path\u0015\u000c')) + 5;
    expect(codec).toBeGreaterThan(5);
    file[codec] = 4;
    const {
      row_groups: [group],
    } = readMetadata(new Uint8Array(file).buffer);
    expect(group?.columns.map((column) => column.meta_data?.codec)).toContain('GZIP');
    expect(() => decodeLeaves(new Uint8Array(file).buffer)).toThrow(RangeError);
    expect(await decodeCheckpoint(new Uint8Array(file))).toBeUndefined();
  });

  test('with a member of a type that none has is none', async () => {
    const file = Buffer.from(await written(many(50)));
    // Of the schema: a text becomes a double.
    const name = file.indexOf(Buffer.from('path\u0025'), file.lastIndexOf(Buffer.from('schema\u0015')));
    const type = file.lastIndexOf(Buffer.from([0x15, 0x0c]), name) + 1;
    expect(name - type).toBeLessThan(8);
    file[type] = 0x0a;
    const { schema } = readMetadata(new Uint8Array(file).buffer);
    expect(schema.find((element) => element.name === 'path')?.type).toBe('DOUBLE');
    expect(() => decodeLeaves(new Uint8Array(file).buffer)).toThrow(RangeError);
    expect(await decodeCheckpoint(new Uint8Array(file))).toBeUndefined();
  });

  test.each(['COMPRESSION snappy', 'COMPRESSION gzip'])(
    'with more rows than it has values (%s) is none, and no memory is taken for them',
    async (options) => {
      const file = Buffer.from(await written(many(50), options));
      // The last field of that form is the row group's number of rows, 52 and so 104: 2^31 stand in its place.
      const at = file.lastIndexOf(Buffer.from([0x16, 104]));
      expect(at).toBeGreaterThan(0);
      const rows = Buffer.from([0x16, 0x80, 0x80, 0x80, 0x80, 0x10]);
      const longer = Buffer.concat([file.subarray(0, at), rows, file.subarray(at + 2)]);
      longer.writeUInt32LE(longer.readUInt32LE(longer.length - 8) + rows.length - 2, longer.length - 8);
      const data = new Uint8Array(longer);
      expect(readMetadata(data.buffer).row_groups[0]?.num_rows).toBe(2n ** 31n);
      expect(await decodeCheckpoint(data)).toBeUndefined();
    },
  );

  test('that is damaged is read, or is none: nothing is thrown', async () => {
    const whole = new Uint8Array(await written(many(200)));
    let read = 0;
    for (let time = 0; time < 400; time++) {
      const damaged = whole.slice(0, time % 10 === 0 ? random.below(whole.length) : whole.length);
      for (let hit = 0; hit < 3; hit++) damaged[random.below(damaged.length)] = random.below(256);
      if ((await decodeCheckpoint(damaged)) !== undefined) read += 1;
    }
    expect(read).toBeLessThan(400);
  });
});

import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BronzePlan } from '../../../src/bronze/bronze.ts';
import { adoptionWarnings, planAdoption } from '../../../src/cli/adopt-plan.ts';
import { readSparkCheckpoint, type SparkCheckpoint } from '../../../src/cli/spark-checkpoint.ts';
import { openFolder } from '../../../src/storage/folder.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { putText, signal } from '../../support/delta-fixtures.ts';
import { root } from '../../support/source-tree.ts';

const QUERY = '{"batchWatermarkMs":0,"batchTimestampMs":1767571200000,"conf":{}}';

async function checkpointOf(files: Readonly<Record<string, string>>): Promise<SparkCheckpoint> {
  const store = openMemory();
  for (const [name, text] of Object.entries(files)) await putText(store, name, text);
  return readSparkCheckpoint(store, signal);
}

const offsets = (...lines: string[]): string => ['v1', QUERY, ...lines].join('\n');

/** By Spark 3.5 and the connector 2.3.22, two triggers: its table has rows 0..40 and 0..36 of two partitions. */
const RECORDED = path.join(root, 'test/golden/spark-checkpoint');

test('a checkpoint that Spark and the connector wrote gives the numbers after the last rows of its table', async () => {
  const found = await readSparkCheckpoint(openFolder(RECORDED), signal);
  expect(found).toMatchObject({ batch: 1, begun: undefined });
  expect([...found.hubs].map(([hub, next]) => [hub, Object.fromEntries(next)])).toEqual([
    ['surveys', { 0: 41, 1: 37 }],
  ]);
});

describe('of an offset log', () => {
  test('a batch that was planned and not committed does not count, and is told', async () => {
    const found = await checkpointOf({
      'offsets/8': offsets('{"surveys":{"0":5,"1":0}}'),
      'offsets/9': offsets('{"surveys":{"0":7,"1":9}}'),
      'offsets/10': offsets('{"surveys":{"0":70,"1":90}}'),
      'commits/8': 'v1\n{"nextBatchWatermarkMs":0}',
      'commits/9': 'v1\n{"nextBatchWatermarkMs":0}',
      'offsets/.10.crc': 'x',
      'commits/.11.tmp': 'x',
    });
    expect(found).toMatchObject({ batch: 9, begun: 10 });
    expect([...(found.hubs.get('surveys') ?? [])]).toEqual([
      ['0', 7],
      ['1', 9],
    ]);
    expect(adoptionWarnings(found, []).join()).toMatch(/began batch 10 and did not commit it/);
  });

  test('several sources of a query give their hubs together; one without an offset is a dash', async () => {
    const lines = ['{"a":{"0":1}}', '-', '{"b":{"0":2},"a":{"1":3}}'];
    const found = await checkpointOf({ 'offsets/0': offsets(...lines), 'commits/0': 'v1\n{}' });
    expect([...found.hubs].map(([hub, next]) => [hub, Object.fromEntries(next)])).toEqual([
      ['a', { 0: 1, 1: 3 }],
      ['b', { 0: 2 }],
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['a folder of something else', { 'data/x': '1' }, /has no offsets\/.*above offsets/],
    ['nothing committed', { 'offsets/0': offsets('{"a":{"0":1}}') }, /no committed batch/],
    ['a copy without its offsets', { 'offsets/1': offsets('{}'), 'commits/2': 'v1' }, /commits\/2 without offsets\/2/],
    ['a later version', { 'offsets/0': 'v2\n{}\n{"a":{"0":1}}', 'commits/0': 'v1' }, /"v2", where v1/],
    ['an empty file', { 'offsets/0': '', 'commits/0': 'v1' }, /the version ""/],
    ['a file source', { 'offsets/0': offsets('{"logOffset":3}'), 'commits/0': 'v1' }, /logOffset.*can be adopted/],
    ['a Delta source', { 'offsets/0': offsets('{"reservoirId":"x"}'), 'commits/0': 'v1' }, /only the Event Hubs/],
    ['a position that is none', { 'offsets/0': offsets('{"a":{"0":-2}}'), 'commits/0': 'v1' }, /is expected/],
    ['text that is no JSON', { 'offsets/0': offsets('17'), 'commits/0': 'v1' }, /is expected/],
    ['no source', { 'offsets/0': offsets('-'), 'commits/0': 'v1' }, /names no hub/],
  ])('%s is refused with what is wrong', async (_, files, message) => {
    const failing = checkpointOf(files);
    await expect(failing).rejects.toMatchObject({ code: 'adopt_refused', exitCode: 2 });
    await expect(failing).rejects.toThrow(message);
  });
});

describe('what becomes of a partition', () => {
  const planOf = (partitions: { id: string; committed?: number; first: number; last: number }[]): BronzePlan => ({
    dataset: 'surveys',
    hub: 'evh_surveys',
    createdAtMs: 1,
    warnings: [],
    partitions: partitions.map(({ id, committed, first, last }) => ({
      partitionId: id,
      committed,
      begin: committed ?? first,
      firstSequenceNumber: committed ?? first,
      lastSequenceNumber: last,
      gap: undefined,
      recordedGapBelow: undefined,
      lastEnqueuedAtMs: undefined,
      hubLastSequenceNumber: last,
      hubLastOffset: '-1',
    })),
  });
  const wanting = (next: Record<string, number>, hub = 'evh_surveys'): SparkCheckpoint => ({
    batch: 3,
    begun: undefined,
    hubs: new Map([[hub, new Map(Object.entries(next))]]),
  });
  const plan = (checkpoint: SparkCheckpoint, found: BronzePlan) => planAdoption(checkpoint, [found], [found.hub]);

  test('never read: it begins at the number; its end may be that of the hub, and may have expired', () => {
    const hub = planOf([
      { id: '0', first: 0, last: 9 },
      { id: '1', first: 8, last: 9 },
      { id: '2', first: 10, last: 9 },
      { id: '3', first: 0, last: 4 },
    ]);
    const checkpoint = wanting({ 0: 4, 1: 5, 2: 10 });
    const rows = plan(checkpoint, hub);
    expect(rows.map(({ next, waiting, action }) => [next, waiting, action])).toEqual([
      [4, 6, 'adopt'],
      [5, 2, 'adopt'],
      [10, 0, 'adopt'],
      [null, 5, 'own start'],
    ]);
    const warnings = adoptionWarnings(checkpoint, rows);
    expect(warnings[0]).toMatch(/partition 1: the hub no longer has events 5 to 7/);
    expect(warnings[1]).toMatch(/partition 3 is not in the checkpoint/);
    expect(warnings).toHaveLength(2);
  });

  test('a hub is found whatever the case of its name', () => {
    expect(plan(wanting({ 0: 1 }, 'EVH_Surveys'), planOf([{ id: '0', first: 0, last: 1 }]))[0]?.next).toBe(1);
  });

  test('read up to the same number: it is there already', () => {
    expect(plan(wanting({ 0: 4 }), planOf([{ id: '0', committed: 4, first: 0, last: 9 }]))).toMatchObject([
      { action: 'there', waiting: 6 },
    ]);
  });

  test.each<[string, SparkCheckpoint, RegExp]>([
    ['read up to another', wanting({ 0: 5 }), /has read it up to 3, the checkpoint wants 5 next.*Nothing changed/],
    ['past the end of the hub', wanting({ 1: 12 }), /wants 12 next, but the hub ends at 9: another hub/],
    ['that the hub has not', wanting({ 7: 1 }), /has no partition 7/],
    ['of a hub that is none of ours', wanting({ 0: 1 }, 'other'), /hub other is none.*evh_surveys.*SLUICE_HUBS/],
  ])('%s: refused, and so is all else', (_, checkpoint, message) => {
    const hub = planOf([
      { id: '0', committed: 4, first: 0, last: 9 },
      { id: '1', first: 0, last: 9 },
    ]);
    expect(() => plan(checkpoint, hub)).toThrow(message);
  });
});

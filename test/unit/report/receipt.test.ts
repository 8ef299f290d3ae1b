import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { runsTable } from '../../../schemas/runs-table.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { SluiceError } from '../../../src/base/errors.ts';
import { defineRelation, readSnapshot } from '../../../src/delta/delta.ts';
import { openDatabase } from '../../../src/duckdb/duckdb.ts';
import {
  appendRuns,
  countCalls,
  receiptOf,
  receiptPage,
  receiptText,
  writeReport,
} from '../../../src/report/report.ts';
import type { RunFacts } from '../../../src/report/report.ts';
import { openMemory } from '../../../src/storage/memory.ts';
import { openScratch } from '../../../src/storage/scratch.ts';

const signal = new AbortController().signal;

const partition = {
  partitionId: '0',
  first: 10,
  last: 1_009,
  rows: 997,
  gapRows: 3,
  bytes: 300_000,
  lagBefore: 1000,
  lagAfter: 0,
  outcome: 'complete',
  lastEnqueuedAtMs: 0,
} as const;

const facts: RunFacts = {
  runId: 'run-1',
  command: 'ingest-once',
  to: 'gold',
  outcome: 'complete',
  startedAtMs: Date.UTC(2026, 0, 5, 12),
  endedAtMs: Date.UTC(2026, 0, 5, 12, 0, 10),
  cpuSeconds: 3.25,
  peakRssBytes: 300 * 2 ** 20,
  memoryBytesMax: 1024 * 2 ** 20,
  lake: 'memory:',
  timeZone: 'America/Sao_Paulo',
  bronze: [
    {
      dataset: 'ivr_calls',
      hub: 'evh_ura',
      partitions: [partition, { ...partition, partitionId: '1', first: 0, last: -1, rows: 0, gapRows: 0 }],
      outcome: 'complete',
      errors: [],
      warnings: ['a checkpoint is ahead'],
      files: 1,
      bytesWritten: 90_000,
      commits: 1,
      stepSeconds: { plan: 0, receive: 1, write: 1, commit: 0, checkpoint: 0 },
    },
  ],
  silver: [
    {
      dataset: 'ivr_calls',
      outcome: 'complete',
      rowsIn: 997,
      accepted: 990,
      written: 980,
      superseded: 10,
      rejected: { not_json: 4, 'missing:<b>call_id</b>': 3 },
      unknownFields: { colour: 2 },
      filesRewritten: 1,
      daysRewritten: ['2026-01-04', '2026-01-05'],
      fromVersion: undefined,
      toVersion: 1,
      stepSeconds: { judge: 0, merge: 0, write: 0, commit: 0 },
    },
  ],
  gold: [
    {
      view: 'queue_daily',
      outcome: 'complete',
      rowsIn: 980,
      daysRewritten: ['2026-01-05'],
      rowsWritten: 14,
      filesRewritten: 1,
      stepSeconds: { compare: 0, model: 0, write: 0, commit: 0 },
    },
  ],
  steps: [{ step: 'bronze', seconds: 2, cpuSeconds: 1 }],
  storageCalls: { reads: 10_000, writes: 6000, lists: 4000, deletes: 7 },
  errors: [],
  charts: [
    {
      view: 'queue_daily',
      title: 'Calls & more',
      day: '2026-01-05',
      label: 'queue_id',
      measure: 'calls',
      bars: [
        { label: 'IVR_EMP', value: 75 },
        { label: 'IVR_CRT', value: -25 },
      ],
    },
  ],
};

describe('the exit code is the first of 70, 5, 3, 4, 2 that occurred', () => {
  const cases = [
    [['eventhubs_unavailable', 'events_lost'], 3],
    [['eventhubs_unavailable', 'audit_failed', 'events_lost'], 5],
    [['internal', 'conservation_broken'], 70],
    [['consumer_group_not_found', 'receiver_stalled'], 4],
    [['consumer_group_not_found'], 2],
    [['link_stolen'], 0],
    [[], 0],
  ] as const;
  test.each(cases)('%j: %i', (codes, exitCode) => {
    const errors = codes.map((code) => new SluiceError(code, code));
    expect(receiptOf({ ...facts, errors }).exitCode).toBe(exitCode);
  });
  test('an error of a hub counts as one of the run', () => {
    const [hub] = facts.bronze;
    const bronze = hub === undefined ? [] : [{ ...hub, errors: [new SluiceError('hub_recreated', 'again')] }];
    const receipt = receiptOf({ ...facts, bronze });
    expect(receipt).toMatchObject({ exitCode: 3, errors: [{ code: 'hub_recreated', retryable: false }] });
  });
});

test('the estimate is compute by the second and storage by the call, at the prices it names', () => {
  const { cost } = receiptOf(facts);
  expect(cost.computeUsd).toBeCloseTo(10 * (0.000024 + 2 * 0.000003), 10);
  expect(cost.storageCallsUsd).toBeCloseTo(0.05 + 0.004, 10);
  expect(cost.totalUsd).toBeCloseTo(cost.computeUsd + cost.storageCallsUsd, 10);
  expect(cost.estimate).toBe(true);
});

test('the text of a run that found nothing new is three lines, and names what it looked at', () => {
  const text = receiptText(receiptOf({ ...facts, outcome: 'empty', bronze: facts.bronze.map(withoutWarnings) }));
  const partitions = facts.bronze.reduce((total, hub) => total + hub.partitions.length, 0);
  expect(text.split('\n').slice(0, -2)).toEqual([
    'run run-1: empty, exit 0, 10.0 s',
    `nothing new in ${facts.bronze.length} hubs, ${partitions} partitions`,
  ]);
});

test('the text tells ranges, rejections with reasons, unknown fields and warnings', () => {
  const text = receiptText(receiptOf(facts));
  expect(text).toMatch(/^run run-1: complete, exit 0, 10\.0 s\n/);
  expect(text).toMatch(/evh_ura +│ 0 +│ +10 │ +1,009 │ +997 │ +3 │/);
  expect(text).toContain('silver/ivr_calls rejected: not_json 4');
  expect(text).toContain('unknown fields: colour 2');
  expect(text).toContain('2 days, 2026-01-04 to 2026-01-05');
  expect(text).toContain('warning: a checkpoint is ahead');
});

describe('the page', () => {
  test('stands alone: no script and nothing fetched, and what came in is escaped', async () => {
    const page = await receiptPage(receiptOf(facts));
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:|src=/);
    expect(page).toContain('missing:&lt;b&gt;call_id&lt;/b&gt;');
    expect(page).toContain('Calls &amp; more');
    expect(page).toContain('<html lang="en">');
  });
  test('draws bars on one axis that holds zero, also below it', async () => {
    const page = await receiptPage(receiptOf(facts));
    expect(page).toContain('left:25.00%;width:75.00%');
    expect(page).toContain('class="below" style="left:0.00%;width:25.00%"');
  });
  test('says what went wrong, and has no empty tables where the run met nothing', async () => {
    const failed = { ...facts, outcome: 'failed', bronze: [], silver: [], gold: [], charts: [] } as const;
    const errors = [new SluiceError('storage_unavailable', 'the <lake> is busy')];
    const page = await receiptPage(receiptOf({ ...failed, errors }));
    expect(page).toContain('the &lt;lake&gt; is busy (running again may help)');
    expect(page).not.toContain('id="silver"');
    expect(page).toContain('No partition was looked at');
  });
});

test('storage calls are counted as they are billed', async () => {
  const { store, calls } = countCalls(openMemory());
  await store.put('a/b', new Uint8Array(1), signal);
  await store.putIfAbsent('a/b', new Uint8Array(1), signal);
  await store.read('a/b', signal);
  await store.delete('a/b', signal);
  for await (const _ of store.list('a', signal));
  expect(calls()).toEqual({ reads: 1, writes: 2, lists: 1, deletes: 1 });
});

test('a run leaves its report and one row a partition; a run without partitions one row', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-report-'));
  const scratch = await openScratch(folder, 2 ** 26);
  const database = await openDatabase({ memoryBytesMax: 2 ** 28, threads: 1, temporaryFolder: folder });
  try {
    const store = openMemory();
    const table = { store, root: '_sluice/runs' };
    const target = { table, scratch, fence: 1 };
    const receipt = receiptOf(facts);
    expect(await writeReport(store, receipt, signal)).toBe('_sluice/reports/run-1.html');
    const json = await store.read('_sluice/reports/run-1.json', signal);
    expect(JSON.parse(new TextDecoder().decode(json))).toEqual(JSON.parse(JSON.stringify(receipt)));
    const context = { clock: systemClock, runId: 'run-1' };
    await appendRuns(receipt, target, context, signal);
    const empty = receiptOf({ ...facts, runId: 'run-2', outcome: 'failed', bronze: [], errors: [new Error('x')] });
    await appendRuns(empty, target, { ...context, runId: 'run-2' }, signal);
    const snapshot = await readSnapshot(table, signal);
    const files = snapshot?.files.values() ?? [];
    await defineRelation(database, 'found', table, runsTable, files, scratch, signal);
    const rows = await database.rows('SELECT * FROM found ORDER BY run_id, partition_id');
    expect(rows).toMatchObject([
      { run_id: 'run-1', hub: 'evh_ura', partition_id: 0, rows: 997n, gap_rows: 3n, run_cpu_seconds: '3.250' },
      { run_id: 'run-1', partition_id: 1, first_sequence_number: 0n, last_sequence_number: -1n },
      { run_id: 'run-2', partition_id: null, run_outcome: 'failed', exit_code: 70, error: 'x', rows: null },
    ]);
  } finally {
    database.close();
    await scratch.close();
    rmSync(folder, { recursive: true });
  }
});

function withoutWarnings<T extends { readonly warnings: readonly string[] }>(hub: T): T {
  return { ...hub, warnings: [] };
}

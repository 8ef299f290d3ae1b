import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEventSink } from '../../src/eventhubs/eventhubs.ts';
import { query, sluice, startLocalHub, temporaryFolder, type LocalHub } from '../support/sluice-process.ts';

const signal = new AbortController().signal;
const home = temporaryFolder();
let hub: LocalHub;
beforeAll(async () => {
  hub = await startLocalHub(home.folder, ['--partitions', '1']);
});
afterAll(async () => {
  await hub.stop();
  home.remove();
});

const survey = (change: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    event_id: 'e',
    produced_at: '2026-01-05T12:00:00Z',
    survey_id: 's',
    call_id: 'c',
    sent_at: '2026-01-05T12:00:00Z',
    score: 7,
    ...change,
  });
const leg = JSON.stringify({
  event_id: 'e',
  produced_at: '2026-01-05T12:00:00Z',
  call_id: 'c',
  leg_id: 'l',
  customer_id: 1,
  agent_id: 1,
  started_at: '2026-01-05T12:00:00Z',
  ended_at: '2026-01-05T11:59:59Z',
  area: 'Cards',
});

/** Each body with the one reason it is rejected for. */
const SURVEYS: readonly (readonly [Uint8Array | string, string])[] = [
  [Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), 'not_utf8'],
  ['not json', 'not_json'],
  ['', 'not_json'],
  ['[1, 2]', 'not_object'],
  [survey({ score: 'x'.repeat(1_000_000) }), 'type:score'],
  [survey().replace('"score":7', '"score":7,"score":8'), 'not_json'],
  [survey().replace('"score":7', '"score":NaN'), 'not_json'],
  [survey({ score: '7' }), 'type:score'],
  [survey().replace('"score":7', '"score":7.0'), 'type:score'],
  [survey({ score: 11 }), 'range:score'],
  [survey({ sent_at: '2026-02-30T12:00:00Z' }), 'range:sent_at'],
  [survey({ call_id: null }), 'missing:call_id'],
];

test('hostile bodies are in bronze as they came, each rejected with its one reason, and the run goes on', async () => {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: path.join(home.folder, 'lake') };
  const bytes = (body: Uint8Array | string): Uint8Array => (typeof body === 'string' ? Buffer.from(body) : body);
  const surveys = openEventSink({ connection: hub.connectionString, hub: 'surveys' });
  const legs = openEventSink({ connection: hub.connectionString, hub: 'call_legs' });
  for (const [body] of SURVEYS) await surveys.send([{ body: bytes(body) }], signal);
  await surveys.send([{ body: bytes(survey()) }], signal);
  await legs.send([{ body: bytes(leg) }], signal);
  await Promise.all([surveys.close(), legs.close()]);

  const run = await sluice(['ingest-once', '--json'], { folder: home.folder, settings });
  expect(run.exitCode).toBe(0);
  expect(run.stderr).not.toContain('"level":"error"');
  const receipt = JSON.parse(run.stdout);
  expect(receipt.outcome).toBe('complete');
  expect(receipt.silver.find((each: { table: string }) => each.table === 'silver/surveys')).toMatchObject({
    rowsIn: SURVEYS.length + 1,
    written: 1,
  });

  const where = { folder: home.folder, settings };
  const bronze = await query('SELECT body, body_base64 FROM bronze.surveys ORDER BY sequence_number', where);
  const sent = [...SURVEYS.map(([body]) => body), survey()];
  const found = bronze.map(({ body, body_base64: base64 }) =>
    body === null ? new Uint8Array(Buffer.from(String(base64), 'base64')) : body,
  );
  expect(found).toEqual(sent);
  const rejected = await query(
    'SELECT dataset, reason FROM silver.rejected_events ORDER BY dataset DESC, sequence_number',
    where,
  );
  const reasons = SURVEYS.map(([, reason]) => ({ dataset: 'surveys', reason }));
  expect(rejected).toEqual([...reasons, { dataset: 'call_legs', reason: 'ends_before_start' }]);

  const again = await sluice(['ingest-once', '--json'], { folder: home.folder, settings });
  expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'empty', exitCode: 0 });
  const history = await sluice(['runs', '--json'], where);
  expect(JSON.parse(history.stdout).map((each: { run_outcome: string }) => each.run_outcome)).toEqual([
    'empty',
    'complete',
  ]);
});

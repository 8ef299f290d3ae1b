import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatasetContract } from '../../schemas/contract.ts';
import { z } from 'zod';
import { EVENT_HEAD, flag, inOrder, integer, optional, text, timestamp } from '../../schemas/event-fields.ts';
import { systemClock } from '../../src/base/clock.ts';
import { rejectedEventsTable } from '../../schemas/rejected-events.ts';
import type { Database } from '../../src/duckdb/duckdb.ts';
import { callCentre } from '../../src/pipeline.ts';
import { eventRules } from '../../src/silver/event-rules.ts';
import { relationRows } from '../../src/silver/bronze-rows.ts';
import type { Judged } from '../../src/silver/judge-bronze.ts';
import { judge } from '../../src/silver/judge.ts';
import { judgeRows } from '../../src/silver/judge-rows.ts';
import { noSink, RelationSink } from '../../src/silver/rejected-sinks.ts';
import { UNKNOWN_NAMES_MAX } from '../../src/silver/unknown-names.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import { bodiesAtEdges, bodyOf, templateOf } from './bent-bodies.ts';
import { randomFrom } from './hostile-stream.ts';
import { RULES, slowJudge } from './slow-judge.ts';
import { present } from './small-lake.ts';

export type Judgeable = Pick<DatasetContract, 'name' | 'event' | 'fields'>;

/** Every kind of field once more as an optional one, the first field among them, and negative numbers. */
const readings: Judgeable = {
  name: 'readings',
  event: z
    .object({
      note: optional(text(0, 5)),
      ...EVENT_HEAD,
      level: integer(-50, 60),
      code: text(3, 3),
      seen_at: optional(timestamp()),
      count: optional(integer(-2_147_483_648, 2_147_483_647)),
      total: optional(integer(0, Number.MAX_SAFE_INTEGER)),
      good: optional(flag()),
      least: integer(0, 9),
      most: integer(0, 9),
    })
    .refine(inOrder('least', 'most'), { error: 'out_of_order' }),
  fields: [
    { name: 'note', type: 'string' },
    { name: 'event_id', type: 'string' },
    { name: 'produced_at', type: 'timestamp' },
    { name: 'level', type: 'integer' },
    { name: 'code', type: 'string' },
    { name: 'seen_at', type: 'timestamp' },
    { name: 'count', type: 'integer' },
    { name: 'total', type: 'long' },
    { name: 'good', type: 'boolean' },
    { name: 'least', type: 'integer' },
    { name: 'most', type: 'integer' },
  ],
};

export const JUDGEABLE: readonly Judgeable[] = [...callCentre.datasets, readings];

export interface Tried {
  readonly bodies: number;
  readonly accepted: number;
  readonly scanned: number;
}

/** Judges bodies of this seed on both paths, and throws with the body where a verdict is not that of zod alone. */
export async function tryBodies(database: Database, seed: number, bodies: number): Promise<Tried> {
  const random = randomFrom(seed);
  const dataset = random.pick(JUDGEABLE);
  const rules = present(eventRules(dataset));
  const templates = Array.from({ length: 8 }, () => templateOf(random, rules));
  const made: (string | null)[] = Array.from({ length: bodies }, () =>
    random.chance(0.003) ? null : bodyOf(random, random.pick(templates), random.pick(['none', 'one', 'one', 'many'])),
  );
  return judgeBothWays(database, dataset, made, `seed ${seed}`);
}

/** The same of bodies with each field at each of its edges. */
export function tryEdges(database: Database, dataset: Judgeable): Promise<Tried> {
  const bodies = bodiesAtEdges(present(eventRules(dataset)));
  return judgeBothWays(database, dataset, bodies, 'edges');
}

export async function judgeBothWays(
  database: Database,
  dataset: Judgeable,
  bodies: readonly (string | null)[],
  where: string,
): Promise<Tried> {
  await fillBronze(database, bodies);
  const { found, verdicts } = await judgeAll(database, dataset);
  const unknown = new Map<string, number>();
  for (const [number, body] of bodies.entries()) {
    const alone = judge(dataset, body);
    const expected = alone.accepted ? JSON.stringify(alone.values) : alone.reason;
    const slow = body === null || !(dataset.name in RULES) ? undefined : slowText(dataset.name as 'surveys', body);
    const told = { where, dataset: dataset.name, number, length: body?.length };
    if (slow !== undefined && slow !== expected)
      throw failure('zod and the slow judge differ', { ...told, expected, slow, body });
    if (verdicts.get(number) !== expected) {
      throw failure('the two paths and zod differ', { ...told, expected, found: verdicts.get(number), body });
    }
    if (alone.accepted) for (const name of alone.unknown) unknown.set(name, (unknown.get(name) ?? 0) + 1);
  }
  const expectedNames = JSON.stringify(Object.fromEntries([...unknown].slice(0, UNKNOWN_NAMES_MAX)));
  const namesFound = JSON.stringify(found.unknownFields);
  if (namesFound !== expectedNames) throw failure('unknown fields', { where, expectedNames, namesFound });
  if (verdicts.size !== bodies.length || found.rowsIn !== bodies.length) throw failure('rows', { where, ...found });
  const { accepted, scanned } = found;
  return { bodies: bodies.length, accepted, scanned };
}

async function judgeAll(
  database: Database,
  dataset: Judgeable,
): Promise<{ readonly found: Judged; readonly verdicts: ReadonlyMap<number, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-judging-'));
  const scratch = await openScratch(folder, 2 ** 30);
  const signal = new AbortController().signal;
  try {
    const options = { dataset: dataset as DatasetContract, scratch, clock: systemClock, bronze: { root: 'judging' } };
    const sink = new RelationSink(rejectedEventsTable, scratch);
    const rows = await judgeRows(options, sink, async (judgeOf) => {
      for await (const some of relationRows(database, 'bronze', scratch, signal)) await judgeOf.take(some);
    });
    await database.run('DROP VIEW IF EXISTS judged');
    await rows.define(database);
    const { judged: found } = rows;
    const accepted = found.accepted === 0 ? [] : await acceptedRows(database, dataset);
    return { found, verdicts: new Map([...accepted, ...(await refusedRows(database))]) };
  } finally {
    await scratch.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bodies as a file of bronze may hold them. */
export async function judgeBytes(dataset: Judgeable, bodies: readonly Uint8Array[]): Promise<Judged> {
  const bytes = Buffer.concat(bodies);
  const ends = Uint32Array.from(
    bodies,
    (
      (at = 0) =>
      ({ length }) =>
        (at += length)
    )(),
  );
  const starts = Uint32Array.from(ends, (end, row) => end - present(bodies[row]).length);
  const none = { bytes, starts: ends, ends, nulls: new Uint8Array(bodies.length).fill(1), first: 0 };
  const longs = { values: BigInt64Array.from(bodies, (_, row) => BigInt(row)), first: 0 };
  const folder = await mkdtemp(join(tmpdir(), 'sluice-judging-'));
  const scratch = await openScratch(folder, 2 ** 30);
  try {
    const rows = await judgeRows(
      { dataset: dataset as DatasetContract, scratch, clock: systemClock, bronze: { root: 'judging' } },
      noSink(rejectedEventsTable),
      (judgeOf) =>
        judgeOf.take({
          count: bodies.length,
          body: { bytes, starts, ends, nulls: undefined, first: 0 },
          bodyBase64: none,
          partitionId: { values: new Int32Array(bodies.length), first: 0 },
          sequenceNumber: longs,
          enqueuedAtUs: longs,
        }),
    );
    await rows.close();
    return rows.judged;
  } finally {
    await scratch.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function failure(what: string, told: object): Error {
  return new Error(`${what}: ${JSON.stringify(told, undefined, 1).slice(0, 6000)}`);
}

function slowText(dataset: keyof typeof RULES, body: string): string {
  const verdict = slowJudge(dataset, body);
  return typeof verdict === 'string' ? verdict : JSON.stringify(verdict.values);
}

async function fillBronze(database: Database, bodies: readonly (string | null)[]): Promise<void> {
  await database.run(`CREATE SCHEMA IF NOT EXISTS judging; SET search_path = 'judging';
    CREATE OR REPLACE TABLE bronze (
      body VARCHAR, body_base64 VARCHAR, partition_id INTEGER, sequence_number BIGINT, enqueued_at TIMESTAMPTZ
        DEFAULT TIMESTAMPTZ '2026-01-05 00:00:00+00')`);
  const appender = await database.connection.createAppender('bronze', 'judging');
  for (const [number, body] of bodies.entries()) {
    if (body === null) appender.appendNull();
    else appender.appendVarchar(body);
    if (body === null) appender.appendVarchar('/w==');
    else appender.appendNull();
    appender.appendInteger(0);
    appender.appendBigInt(BigInt(number));
    appender.appendDefault();
    appender.endRow();
  }
  appender.closeSync();
}

/** Values as the judge gives them, by the number of the row. */
async function acceptedRows(database: Database, { fields }: Judgeable): Promise<[number, string][]> {
  const values = fields.map(({ name, type }) =>
    type === 'timestamp' ? `epoch_us("${name}") AS "${name}"` : `"${name}"`,
  );
  const rows = await database.rows(`SELECT sequence_number AS number, ${values.join(', ')} FROM judged`);
  return rows.map((row) => [
    Number(row['number']),
    JSON.stringify(
      Object.fromEntries(
        fields.map(({ name }) => [name, typeof row[name] === 'bigint' ? Number(row[name]) : row[name]]),
      ),
    ),
  ]);
}

async function refusedRows(database: Database): Promise<[number, string][]> {
  const rows = await database.rows<{ number: bigint; reason: string }>(
    'SELECT sequence_number AS number, reason FROM refused',
  );
  return rows.map(({ number, reason }) => [Number(number), reason]);
}

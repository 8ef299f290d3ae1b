import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { ensureTable } from '../../src/delta/delta.ts';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { systemClock } from '../../src/base/clock.ts';
import { SluiceError } from '../../src/base/errors.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { ingest, openBronzeWorkshop, select, type BronzeWorkshop } from '../support/bronze-lake.ts';
import { SimulatedEventSource } from '../support/simulated-event-source.ts';

// Bronze runs commit to a table in a folder; other engines, each a process of its own, append to it (rows of a
// partition of their own), compact it, vacuum it, write checkpoints and clean its log, between the runs and (delta-rs)
// during them. In the end every row of everybody is there once, by the count of each engine. Run by other-writers.sh.
// Spark takes turns with the others: its log store for local folders replaces an entry that another process put.

const ROOT = 'bronze/calls';
const PARTITIONS = 2;
const EVENTS_A_RUN = 3;
const ROWS_AN_APPEND = 4;
const TURNS_OF_SPARK = 6;

interface Writer {
  readonly name: string;
  readonly partition: string;
  appended: number;
  refusals: number;
  /** Throws what the engine answered with as an error. */
  order(order: Record<string, unknown>): Promise<unknown>;
  stop(): Promise<void>;
}

interface Lake {
  readonly workshop: BronzeWorkshop;
  readonly store: ReturnType<typeof openFolder>;
  readonly source: SimulatedEventSource;
  readonly folder: string;
  readonly table: string;
}

type Numbers = Record<string, number[]>;

const { values } = parseArgs({ options: { spark: { type: 'boolean' }, commits: { type: 'string', default: '200' } } });
const commits = Number(values.commits);
const startMs = performance.now();
const workshop = await openBronzeWorkshop();
const folder = await mkdtemp(path.join(tmpdir(), 'sluice-writers-'));
const writers: Writer[] = [];
try {
  const store = openFolder(folder);
  const lake = { workshop, store, source: new SimulatedEventSource('calls', PARTITIONS), folder } as const;
  await run({ ...lake, table: path.join(folder, ROOT) });
} finally {
  for (const writer of writers) await writer.stop();
  await workshop.close();
  await rm(folder, { recursive: true, force: true });
}

async function run(lake: Lake): Promise<void> {
  await ensureTable({ store: lake.store, root: ROOT }, bronzeTable, { context: commitContext() }, signal());
  const rust = await startWriter('delta-rs', '90', needed('SLUICE_TEST_DELTA_RS'), 'other-writer-delta-rs.py', [
    lake.table,
  ]);
  await rust.order({ do: 'retention' });
  for (let turn = 1; turn <= commits; turn++) {
    await Promise.all([ourTurn(lake), turn % 3 === 0 ? theirTurn(rust, turn) : undefined]);
    if (turn % 40 === 0) await cleaning(rust);
  }
  await compare(lake, [rust], `after ${commits} commits`);
  if (values.spark !== true) return;
  const jars = needed('SLUICE_TEST_JARS');
  const spark = await startWriter('Spark', '91', needed('SLUICE_TEST_SPARK'), 'other-writer-spark.py', [
    lake.table,
    jars,
  ]);
  await compare(lake, [rust, spark], 'as Spark finds it');
  for (let turn = 1; turn <= TURNS_OF_SPARK; turn++) {
    await append(spark);
    await ourTurn(lake);
    await append(rust);
    if (turn === TURNS_OF_SPARK / 2) for (const order of ['compact', 'vacuum']) await spark.order({ do: order });
  }
  await compare(lake, [rust, spark], 'after turns of all three');
  await spark.order({ do: 'upgrade', property: 'delta.enableDeletionVectors', value: 'true' });
  await refused(lake, `Spark made it ${JSON.stringify(await spark.order({ do: 'protocol' }))}`);
}

/** A few events arrive and one run drains them. */
async function ourTurn({ workshop: shop, store, source }: Lake): Promise<void> {
  for (let event = 0; event < EVENTS_A_RUN; event++) source.send(event % PARTITIONS, `{"n":${event}}`);
  const outcome = await ingest(shop, store, source);
  if (outcome.outcome !== 'complete') throw outcome.errors[0] ?? new Error(`our run ended ${outcome.outcome}`);
}

/** What delta-rs does while a run of ours goes on. A refusal of its own conflict check is its right. */
async function theirTurn(writer: Writer, turn: number): Promise<void> {
  await append(writer);
  const order = [{ do: 'compact' }, { do: 'vacuum' }, { do: 'checkpoint' }, { do: 'vacuum', full: true, hours: 168 }];
  await writer.order(order[(turn / 3) % order.length] ?? {}).catch(() => void writer.refusals++);
}

async function append(writer: Writer): Promise<void> {
  await writer.order({ do: 'append', first: writer.appended, count: ROWS_AN_APPEND });
  writer.appended += ROWS_AN_APPEND;
}

/** Between the runs everything may go that no snapshot needs. */
async function cleaning(writer: Writer): Promise<void> {
  for (const order of [{ do: 'compact' }, { do: 'checkpoint' }, { do: 'clean log' }]) await writer.order(order);
  await writer.order({ do: 'vacuum', full: true, hours: 0 });
}

/** By everybody's own reading each number is there once. */
async function compare(lake: Lake, engines: readonly Writer[], when: string): Promise<void> {
  const rows = await select<{ partition: string; numbers: bigint[] }>(
    lake.workshop,
    lake.store,
    `SELECT partition_id::VARCHAR AS partition, list(sequence_number ORDER BY sequence_number) AS numbers
     FROM bronze GROUP BY ALL`,
  );
  const ours = Object.fromEntries(rows.map(({ partition, numbers }) => [partition, Array.from(numbers, Number)]));
  const expected: Numbers = {};
  lake.source.partitions.forEach(({ events }, partition) => (expected[partition] = upTo(events.length)));
  for (const { partition, appended } of writers) if (appended > 0) expected[partition] = upTo(appended);
  same(ours, expected, `Sluice ${when}`);
  for (const writer of engines)
    same((await writer.order({ do: 'read' })) as Numbers, expected, `${writer.name} ${when}`);
  const counts = Object.values(expected).map((numbers) => numbers.length);
  const names = ['Sluice', ...engines.map(({ name }) => name)].join(', ');
  console.log(
    `${when}: ${counts.reduce((sum, count) => sum + count, 0)} rows, each once, by ${names} ${await logState(lake)}`,
  );
}

async function logState({ table }: Lake): Promise<string> {
  const names = await readdir(path.join(table, '_delta_log'));
  const entries = names.filter((name) => /^\d{20}\.json$/.test(name)).toSorted();
  const checkpoints = names.filter((name) => name.endsWith('.checkpoint.parquet')).length;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const refusals = writers.map((writer) => `${writer.name} gave way ${writer.refusals} times`).join(', ');
  const range = `${Number(entries[0]?.slice(0, 20))} to ${Number(entries.at(-1)?.slice(0, 20))}`;
  return `(log entries ${range}, ${checkpoints} checkpoints; ${refusals}; ${seconds} s)`;
}

async function refused(lake: Lake, how: string): Promise<void> {
  const before = (await readdir(lake.table, { recursive: true })).length;
  const error = await ourTurn(lake).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const after = (await readdir(lake.table, { recursive: true })).length;
  if (!(error instanceof SluiceError) || error.code !== 'table_unsupported' || before !== after) {
    throw new Error(`${how}, and a run ended with ${String(error)}, ${after - before} files more`, { cause: error });
  }
  console.log(`${how}: refused with exit ${error.exitCode}, nothing uploaded`);
}

function same(found: Numbers, expected: Numbers, who: string): void {
  for (const partition of new Set([...Object.keys(found), ...Object.keys(expected)])) {
    const [left, right] = [found[partition] ?? [], expected[partition] ?? []];
    const lost = right.filter((number) => !new Set(left).has(number));
    const doubled = left.filter((number, index) => left[index - 1] === number);
    if (lost.length + doubled.length === 0 && left.length === right.length) continue;
    throw new Error(`${who}: partition ${partition} has lost ${lost.join()} and doubled ${doubled.join()}`);
  }
}

async function startWriter(
  name: string,
  partition: string,
  python: string,
  script: string,
  args: readonly string[],
): Promise<Writer> {
  const child = spawn(python, [path.join(import.meta.dirname, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${name} ended`);
    const said = JSON.parse(line.value) as { answer?: unknown; error?: string };
    if (said.error !== undefined) throw new Error(`${name}: ${said.error}`);
    return said.answer;
  };
  await answer();
  const writer: Writer = {
    name,
    partition,
    appended: 0,
    refusals: 0,
    async order(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      return answer();
    },
    async stop() {
      child.stdin.end();
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)));
    },
  };
  writers.push(writer);
  return writer;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is set by other-writers.sh`);
  return value;
}

function commitContext() {
  return { clock: systemClock, runId: 'setup' };
}

function signal(): AbortSignal {
  return new AbortController().signal;
}

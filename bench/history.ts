import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bronzeTable } from '../schemas/bronze-table.ts';
import type { DatasetContract } from '../schemas/contract.ts';
import { systemClock } from '../src/base/clock.ts';
import { filled } from '../src/base/identifiers.ts';
import { silentLog } from '../src/base/log.ts';
import { MiB } from '../src/base/limits.ts';
import {
  commit,
  ensureTable,
  readSnapshot,
  writeFiles,
  writeLogCheckpoint,
  type Change,
  type DataFile,
  type Snapshot,
  type TableLocation,
} from '../src/delta/delta.ts';
import { openDatabase, sqlFile, type Database } from '../src/duckdb/duckdb.ts';
import { buildGold } from '../src/gold/gold.ts';
import { openKeyPacks } from '../src/keys/keys.ts';
import { callCentre } from '../src/pipeline.ts';
import { defaultDimensions } from '../src/cli/default-dimensions.ts';
import { ensureDimension, ensureSilver, loadDimension } from '../src/silver/silver.ts';
import { defineLocalDate } from '../src/silver/local-date.ts';
import { openFolder } from '../src/storage/folder.ts';
import { openScratch, type Scratch } from '../src/storage/scratch.ts';

/** Raised where what is made changes: caches of an older one are not used again. */
const EDITION = 4;
const LEGS_A_CALL = 4;
export const LEGS_A_DAY = 27_000;
const LAST_DAY = '2026-11-21';
const DAY_MS = 86_400_000;
const DAYS_AT_ONCE = 14;
/** Where a day's calls begin, and over how long they are spread. The last ones of a whole day reach into the next. */
const WHOLE_DAY = { from_us: 0n, span_us: 86_000_000_000n };
/** After the first old call of the day, and so early that the surveys, half an hour later, are of the day too. */
const WITHIN_THE_DAY = { from_us: 13_000_000n, span_us: 84_000_000_000n };

const signal = new AbortController().signal;
const context = { clock: systemClock, runId: 'history', log: silentLog };
const statement = (name: string): string => sqlFile(new URL(`history/${name}.sql`, import.meta.url));

interface Workshop {
  readonly database: Database;
  readonly scratch: Scratch;
  readonly table: (root: string) => TableLocation;
}

/**
 * A lake whose silver and gold hold so many legs, at 27,000 a day up to a last day, with their IVR calls and surveys;
 * every step has applied all of bronze. Made once, straight by SQL, and kept in the temporary folder.
 */
export async function historyOf(legs: number, say: (text: string) => void): Promise<string> {
  const folder = historyFolder(legs);
  if (existsSync(folder)) return folder;
  say(`making a history of ${legs} legs, once`);
  const building = `${folder}.building`;
  await rm(building, { recursive: true, force: true });
  await inWorkshop(building, async (workshop) => {
    for (const dataset of callCentre.datasets) await makeSilver(workshop, dataset, legs, say);
    await makeDimensionTables(workshop);
    await makeGold(workshop);
    await checkpointLogs(workshop);
  });
  await rename(building, folder);
  return folder;
}

/** Bytes that the packs of the history's legs take, for each of its calls. */
export async function keyBytes(legs: number): Promise<number> {
  const packs = join(historyFolder(legs), '_sluice/keys/call_legs');
  const sizes = await Promise.all((await readdir(packs)).map(async (name) => (await stat(join(packs, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / (legs / LEGS_A_CALL);
}

/** The last days that the history has. */
export function lastDays(days: number): string[] {
  return Array.from({ length: days }, (_, day) => dayBefore(day)).toSorted();
}

function historyFolder(legs: number): string {
  return join(tmpdir(), 'sluice-bench-history', `${EDITION}-${legs}`);
}

/** A copy that may be written to: the files are the same ones, since none of them ever changes. */
export async function copyOf(lake: string): Promise<string> {
  const copy = `${lake}.copy-${process.pid}-${randomUUID().slice(0, 8)}`;
  await rm(copy, { recursive: true, force: true });
  for (const entry of await readdir(lake, { recursive: true, withFileTypes: true })) {
    const target = join(entry.parentPath.replace(lake, copy), entry.name);
    if (entry.isDirectory()) await mkdir(target, { recursive: true });
    else {
      await mkdir(entry.parentPath.replace(lake, copy), { recursive: true });
      await link(join(entry.parentPath, entry.name), target);
    }
  }
  return copy;
}

/**
 * New events of the last two days in the bronze tables of the lake, some re-sent, some bad. They touch these two days,
 * and no third one. Gives their number.
 */
export async function addNewEvents(lake: string, events: number): Promise<number> {
  const days = 2;
  // 1 IVR call, 4 legs and 0.7 surveys a call, a twentieth of them twice and a hundredth bad.
  const calls = Math.round(events / days / ((1 + LEGS_A_CALL + 0.7) * 1.06));
  let rows = 0;
  await inWorkshop(lake, async ({ database, scratch, table }) => {
    await database.run(statement('calls'), {
      series: 'new',
      first_day: dayBefore(days - 1),
      days: BigInt(days),
      calls: BigInt(calls),
      ...WITHIN_THE_DAY,
    });
    for (const { name, fields } of callCentre.datasets) {
      const struct = `{${fields.map((field) => `"${field.name}": ${asJson(field.name, field.type)}`).join(', ')}}`;
      await database.run(filled(statement('bronze'), { struct, events: statement(name) }));
      const location = table(`bronze/${name}`);
      const base = await ensureTable(location, bronzeTable, { context }, signal);
      const add = await writeFiles(database, location, bronzeTable, 'arrived', scratch, signal);
      await landed(location, base, { operation: 'WRITE', add });
      const [count] = await database.rows<{ rows: bigint }>('SELECT count(*) AS "rows" FROM arrived');
      rows += Number(count?.rows ?? 0);
    }
  });
  return rows;
}

function asJson(name: string, type: string): string {
  if (type !== 'timestamp') return `"${name}"`;
  return `strftime("${name}" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
}

async function inWorkshop(lake: string, action: (workshop: Workshop) => Promise<void>): Promise<void> {
  const scratchFolder = `${lake}.scratch`;
  const scratch = await openScratch(scratchFolder, 4096 * MiB);
  const database = await openDatabase({
    memoryBytesMax: 1024 * MiB,
    threads: 2,
    temporaryFolder: join(scratchFolder, 'spill'),
  });
  const store = openFolder(lake);
  try {
    await defineLocalDate(database, 'America/Sao_Paulo', Date.now());
    await action({ database, scratch, table: (root) => ({ store, root }) });
  } finally {
    database.close();
    await scratch.close();
    await rm(scratchFolder, { recursive: true, force: true });
  }
}

async function makeSilver(
  workshop: Workshop,
  dataset: DatasetContract,
  legs: number,
  say: (text: string) => void,
): Promise<void> {
  const { database, scratch, table } = workshop;
  const [silver, bronze] = [table(`silver/${dataset.name}`), table(`bronze/${dataset.name}`)];
  const rejected = table('silver/rejected_events');
  const made = await ensureTable(bronze, bronzeTable, { context }, signal);
  await ensureSilver({ ...context, dataset, silver, rejected, timeZone: 'America/Sao_Paulo', fence: 1 }, signal);
  const base = await readSnapshot(silver, signal);
  if (base === undefined) throw new Error(`${silver.root} was not made`);
  const days = Math.ceil(legs / LEGS_A_DAY);
  const calls = Math.round(legs / LEGS_A_CALL / days);
  const add: DataFile[] = [];
  for (let done = 0; done < days; done += DAYS_AT_ONCE) {
    const part = Math.min(DAYS_AT_ONCE, days - done);
    say(`${dataset.name}: ${done} of ${days} days`);
    const parameters = {
      series: 'old',
      first_day: dayBefore(days - 1 - done),
      days: BigInt(part),
      calls: BigInt(calls),
      ...WHOLE_DAY,
    };
    await database.run(statement('calls'), parameters);
    await database.run(filled(statement('events'), { events: statement(dataset.name) }));
    const columns = dataset.silver.columns.map(({ name }) => `"${name}"`).join(', ');
    await database.run(`CREATE OR REPLACE TABLE made AS SELECT ${columns} FROM (${sqlFile(dataset.model)})`);
    add.push(...(await writeFiles(database, silver, dataset.silver, 'made', scratch, signal)));
  }
  await landed(silver, base, { operation: 'WRITE', add, transactions: [stepTo(dataset, made)] });
  const refused = await readSnapshot(rejected, signal);
  if (refused !== undefined)
    await landed(rejected, refused, { operation: 'WRITE', transactions: [stepTo(dataset, made)] });
  await database.run('CREATE OR REPLACE TABLE nothing AS FROM made LIMIT 0');
  for (const columns of dataset.findableBy) {
    const packs = openKeyPacks(database, { table: silver, contract: dataset.silver, columns, scratch, log: silentLog });
    await packs.find(add, { from: 'nothing' }, signal);
    await packs.save(new Map(add.map((file) => [file.path, file])), signal);
  }
}

/** What a run would have left: the bronze table as it is now is applied. */
function stepTo({ name }: DatasetContract, bronze: { readonly tableId: string; readonly version: number }) {
  return { appId: `sluice/silver/${name}/${bronze.tableId}`, expected: undefined, next: bronze.version };
}

async function landed(location: TableLocation, base: Snapshot, change: Change): Promise<void> {
  const result = await commit(location, base, change, context, signal);
  if (result.kind !== 'committed') throw new Error(`${location.root}: ${result.reason}`);
}

async function makeDimensionTables({ database, scratch, table }: Workshop): Promise<void> {
  const tools = { ...context, openDatabase: async () => database, scratch, fence: 1 };
  for (const { contract, source } of defaultDimensions(callCentre, 1)) {
    const location = table(`silver/${contract.name}`);
    await ensureDimension({ ...context, contract, table: location }, signal);
    await loadDimension({ ...tools, contract, table: location, source }, signal);
  }
}

async function makeGold({ database, scratch, table }: Workshop): Promise<void> {
  for (const view of callCentre.gold) {
    const tables = (name: string) => {
      const dataset = callCentre.datasets.find((each) => each.name === name);
      const contract = dataset?.silver ?? callCentre.dimensions.find((each) => each.name === name)?.table;
      if (contract === undefined) throw new Error(`no table ${name}`);
      return { location: table(`silver/${name}`), contract };
    };
    const tools = { ...context, openDatabase: async () => database, scratch, fence: 1 };
    await buildGold({ ...tools, view, tables, gold: table(`gold/${view.name}`) }, signal);
  }
}

/** As runs would have left them: a table of many commits is read from the checkpoint of its log. */
async function checkpointLogs({ table }: Workshop): Promise<void> {
  const roots = [
    ...callCentre.datasets.map(({ name }) => `silver/${name}`),
    ...callCentre.gold.map(({ name }) => `gold/${name}`),
  ];
  for (const root of roots) await writeLogCheckpoint(table(root), { nowMs: systemClock.nowMs() }, signal);
}

function dayBefore(days: number): string {
  return new Date(Date.parse(LAST_DAY) - days * DAY_MS).toISOString().slice(0, 10);
}

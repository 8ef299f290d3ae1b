import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { silentLog } from '../../src/base/log.ts';
import { compareLakes, isSame } from '../../src/compare/compare.ts';
import { sparkEnvironment } from '../../src/compare/environment.ts';
import { hostileEvents } from '../../src/compare/hostile-events.ts';
import { NOTEBOOKS, runReference } from '../../src/compare/reference.ts';
import { sendHostile } from '../../src/compare/send-hostile.ts';
import { comparedTables } from '../../src/compare/tables.ts';
import { readSnapshot } from '../../src/delta/delta.ts';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import { callCentre } from '../../src/pipeline.ts';
import { openFolder } from '../../src/storage/folder.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import { sluice, startLocalHub } from '../support/sluice-process.ts';

// Sluice and the notebooks take turns at silver and gold of one lake, whose bronze Sluice writes. Each goes on where
// the other stopped; what one has done the other does not do again; in the end the tables are those of a lake on which
// Sluice was alone. Needs what `npm run compare` needs. Usage: alternate.ts [--events N] [--seed S]

const { values } = parseArgs({ options: { events: { type: 'string' }, seed: { type: 'string' } } });
const eventsATurn = Number(values.events ?? 2000) / 4;
const seed = Number(values.seed ?? 1);
const never = new AbortController().signal;
const folder = await mkdtemp(path.join(tmpdir(), 'sluice-alternate-'));
const lakes = { engine: path.join(folder, 'alone'), reference: path.join(folder, 'shared') };
const cacheFolder = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'sluice');
const spark = await sparkEnvironment(cacheFolder, process.env, silentLog, never);
const hub = await startLocalHub(folder);
const refined = comparedTables(callCentre).filter(({ root }) => !root.startsWith('bronze/'));

async function engine(lake: string, ...args: string[]): Promise<void> {
  const settings = { SLUICE_EVENTHUBS: hub.connectionString, SLUICE_LAKE: lake, SLUICE_LOG: 'warn' };
  const result = await sluice(args, { folder, settings });
  if (result.exitCode !== 0) throw new Error(`sluice ${args.join(' ')}: ${result.stderr}`);
}

async function notebooks(lake: string): Promise<void> {
  const parameters = { LAKE: lake, SOURCE: 'bronze', TIME_ZONE: 'America/Sao_Paulo' };
  await runReference(spark, NOTEBOOKS.refine, parameters, process.env, never);
}

async function versions(lake: string): Promise<string> {
  const store = openFolder(lake);
  const snapshots = await Promise.all(refined.map(({ root }) => readSnapshot({ store, root }, never)));
  return refined.map(({ root }, index) => `${root} ${snapshots[index]?.version}`).join(', ');
}

/** Who comes second finds nothing to do: no table gets a version more. */
async function nothingLeft(who: string, again: () => Promise<void>): Promise<void> {
  const before = await versions(lakes.reference);
  await again();
  const after = await versions(lakes.reference);
  if (before !== after) throw new Error(`${who} did again what was done: ${before} became ${after}`);
  console.log(`${who} finds nothing to do`);
}

const bothLakes = Object.values(lakes);
try {
  await Promise.all(bothLakes.map((lake) => mkdir(lake, { recursive: true })));
  for (const lake of bothLakes) await engine(lake, 'produce', '--dimensions');
  const events = hostileEvents({ events: eventsATurn * 4, seed })[Symbol.iterator]();
  for (let turn = 0; turn < 4; turn++) {
    await sendHostile(hub.connectionString, events, eventsATurn, never);
    for (const lake of bothLakes) await engine(lake, 'ingest-once', '--to', 'bronze');
    if (turn % 2 === 1) {
      await notebooks(lakes.reference);
      await nothingLeft('Sluice', () => engine(lakes.reference, 'ingest-once'));
    } else {
      await engine(lakes.reference, 'ingest-once');
      if (turn === 2) await nothingLeft('the reference', () => notebooks(lakes.reference));
    }
    console.log(`turn ${turn + 1}: ${await versions(lakes.reference)}`);
  }
  await engine(lakes.engine, 'ingest-once');
  const scratch = await openScratch(path.join(folder, 'scratch'), 2 ** 30);
  const database = await openDatabase({ memoryBytesMax: 2 ** 29, threads: 1, temporaryFolder: folder });
  const found = await compareLakes(
    lakes,
    { pipeline: callCentre, source: 'bronze', parts: { database, scratch } },
    never,
  );
  database.close();
  const wrong = found.filter((table) => !isSame(table));
  if (wrong.length > 0) throw new Error(`the tables differ: ${JSON.stringify(wrong, null, 1)}`);
  console.log(`${found.length} tables are the same, by turns and by Sluice alone`);
} finally {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

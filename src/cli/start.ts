import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { readSnapshot } from '../delta/delta.ts';
import { generateBusinessDay } from '../producer/producer.ts';
import { readConfiguration, type Configuration } from './configuration.ts';
import { defaultDimensions } from './default-dimensions.ts';
import { spawnHub } from './hub-process.ts';
import { runOnce } from './ingest-once.ts';
import { loadPipeline, openLake } from './lake.ts';
import { printReceipt } from './leave-receipt.ts';
import { loadDimensions } from './load.ts';
import { sendEvents } from './produce.ts';
import type { Terminal } from './terminal.ts';

const FIRST_DAY = '2026-01-05';
const DAY_MS = 86_400_000;
const SEED = 1;

/** `sluice start`: local hub → dimensions once → one business day more → ingest-once; what is set is kept. */
export async function start(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const folder = path.join(terminal.workingFolder, '.sluice');
  const given = readConfiguration(terminal.environment);
  const log = terminal.logOf(given);
  const child =
    given.eventHubs === undefined ? await spawnHub(path.join(folder, 'hub'), log, terminal.stop.soft) : undefined;
  try {
    const configuration: Configuration = {
      ...given,
      lake: given.lake ?? path.join(folder, 'lake'),
      eventHubs: given.eventHubs ?? child?.connectionString,
    };
    const { stop } = terminal;
    if (!stop.soft.aborted) await loadDimensionsOnce(configuration, log, { ...terminal, print: () => {} });
    if (!stop.soft.aborted) await sendNextDay(folder, configuration, log, terminal);
    const receipt = await runOnce({ to: 'gold' }, configuration, terminal);
    printReceipt(receipt, options.json ?? false, terminal);
    return receipt.exitCode;
  } finally {
    await child?.stop();
  }
}

/** A lake whose dimensions were loaded, by whomever, keeps them. */
async function loadDimensionsOnce(configuration: Configuration, log: Log, terminal: Terminal): Promise<void> {
  const pipeline = await loadPipeline(configuration);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  const missing: string[] = [];
  try {
    for (const { name } of pipeline.dimensions) {
      const snapshot = await readSnapshot(lake.table(`silver/${name}`), terminal.stop.hard);
      if (snapshot === undefined || snapshot.files.size === 0) missing.push(name);
    }
  } finally {
    await lake.close();
  }
  if (missing.length === 0) return;
  log.info('loading the dimensions', { dimensions: missing.join(',') });
  const loads = defaultDimensions(pipeline, SEED).filter(({ contract }) => missing.includes(contract.name));
  await loadDimensions(loads, 'start', configuration, terminal);
}

/** A day counts as sent when all of it was: an interrupted one is sent again, which changes no silver row. */
async function sendNextDay(folder: string, configuration: Configuration, log: Log, terminal: Terminal): Promise<void> {
  const file = path.join(folder, 'start.json');
  const last = await lastDaySent(file);
  const date = last === undefined ? FIRST_DAY : new Date(Date.parse(last) + DAY_MS).toISOString().slice(0, 10);
  log.info('sending a synthetic business day', { date });
  const seed = SEED + Math.round(Date.parse(date) / DAY_MS);
  const events = generateBusinessDay({ date, seed, timeZone: configuration.timeZone });
  const { sent, seconds } = await sendEvents(events, configuration, log, terminal);
  if (terminal.stop.soft.aborted) return;
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify({ lastDaySent: date })}\n`);
  await rename(`${file}.new`, file);
  log.info('the day is sent', { date, ...sent, seconds });
}

async function lastDaySent(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const day: unknown = (parsed(text) as { lastDaySent?: unknown } | undefined)?.lastDaySent;
  if (typeof day === 'string' && /^\d{4}-\d\d-\d\d$/.test(day)) return day;
  throw new SluiceError('configuration', `${file} does not say which day was sent last: remove .sluice to begin anew`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

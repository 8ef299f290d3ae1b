import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import Table from 'cli-table3';
import { MiB } from '../base/limits.ts';
import { compare as runComparison, isSame, type Comparison, type ComparisonSource } from '../compare/compare.ts';
import { openDatabase } from '../duckdb/duckdb.ts';
import { openScratch } from '../storage/scratch.ts';
import { readConfiguration } from './configuration.ts';
import { LAUNCHER, spawnHub } from './hub-process.ts';
import { loadPipeline } from './lake.ts';
import type { Terminal } from './terminal.ts';

export interface CompareOptions {
  readonly events: number;
  readonly seed: number;
  readonly source: ComparisonSource;
}

const limits = { databaseBytesMax: 1024 * MiB, scratchBytesMax: 4096 * MiB } as const;
const DIFFERENT = 5;

/** `sluice compare`: the engine beside the reference on the same events; gives 5 where their tables differ. */
export async function compare(options: CompareOptions, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const folder = path.join(terminal.workingFolder, '.sluice', 'compare');
  const scratchFolder = path.join(terminal.workingFolder, '.sluice', 'compare-scratch');
  const log = terminal.logOf(configuration);
  const { soft } = terminal.stop;
  const scratch = await openScratch(scratchFolder, limits.scratchBytesMax);
  const database = await openDatabase({
    memoryBytesMax: limits.databaseBytesMax,
    threads: configuration.threads,
    temporaryFolder: path.join(scratchFolder, 'spill'),
  });
  const startHub = (data: string, tls: boolean) => spawnHub(data, log, soft, tls ? '5671' : 'off');
  try {
    const comparison = await runComparison(
      {
        ...options,
        folder,
        cacheFolder: cacheFolder(terminal.environment),
        variables: withoutSettings(terminal.environment),
        pipeline: await loadPipeline(configuration),
        timeZone: configuration.timeZone,
        parts: { database, scratch, launcher: LAUNCHER, startHub },
        log,
      },
      soft,
    );
    terminal.print(comparisonText(comparison));
    return comparison.same ? 0 : DIFFERENT;
  } finally {
    database.close();
    await scratch.close();
    await rm(scratchFolder, { recursive: true, force: true });
  }
}

function cacheFolder(environment: Terminal['environment']): string {
  return path.join(environment['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'sluice');
}

/** The children are told all of ours, and of our settings only what the comparison itself decides. */
function withoutSettings(environment: Terminal['environment']): Terminal['environment'] {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(SLUICE_|AZURE_)/.test(name)));
}

function comparisonText(comparison: Comparison): string {
  const table = new Table({
    head: ['table', 'engine rows', 'reference rows', 'result'],
    colAligns: ['left', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const each of comparison.tables) {
    const columns = each.cells.map(({ column, rows }) => `${column}: ${rows}`);
    const sides = each.oneSided.map(({ what, rows }) => `${rows} ${what}`);
    const found = [each.shape, ...sides, ...columns].filter((text) => text !== '').join('; ');
    const named = each.named === 0 ? '' : ` (${each.named} cells as DIFFERENCES.md says)`;
    table.push([each.table, each.engineRows, each.referenceRows, `${isSame(each) ? 'same' : found}${named}`]);
  }
  const verdict = comparison.same ? 'The tables are the same.' : 'The tables differ.';
  return `${table.toString()}\n${verdict} ${comparison.page}\n`;
}

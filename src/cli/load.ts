import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DimensionContract } from '../../schemas/contract.ts';
import { SluiceError } from '../base/errors.ts';
import { loadDimension, type DimensionSource } from '../silver/silver.ts';
import { readConfiguration, type Configuration } from './configuration.ts';
import { holdLease } from './hold-lease.ts';
import { loadPipeline, openLake } from './lake.ts';
import { suggestion } from './nearest.ts';
import type { Terminal } from './terminal.ts';

const FORMATS = { csv: 'csv', json: 'json', jsonl: 'json', ndjson: 'json', parquet: 'parquet' } as const;

/** One dimension and the rows that replace it. */
export interface DimensionLoad {
  readonly contract: DimensionContract;
  readonly source: DimensionSource;
}

/** `sluice load`: replaces a dimension by a file. */
export async function load(dimension: string, file: string, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const { dimensions } = await loadPipeline(configuration);
  const contract = dimensions.find(({ name }) => name === dimension);
  if (contract === undefined) {
    const names = dimensions.map(({ name }) => name);
    throw new SluiceError('usage', `unknown dimension '${dimension}'; ${suggestion(dimension, names)}`);
  }
  const source = fileSource(path.resolve(terminal.workingFolder, file));
  return loadDimensions([{ contract, source }], 'load', configuration, terminal);
}

/** Loads dimensions under one lease and says how many rows each has; `locked` where another run works on the lake. */
export async function loadDimensions(
  loads: readonly DimensionLoad[],
  command: string,
  configuration: Configuration,
  terminal: Terminal,
): Promise<number> {
  const log = terminal.logOf(configuration);
  const lake = await openLake(configuration, terminal, { readOnly: false, log });
  try {
    const held = await holdLease(lake, command, configuration, terminal.stop);
    try {
      for (const { contract, source } of held.lease === undefined ? [] : loads) {
        const table = lake.table(`silver/${contract.name}`);
        const fence = held.lease?.number ?? 0;
        const outcome = await loadDimension({ ...lake, contract, source, table, fence }, terminal.stop.hard);
        terminal.print(`${outcome.dimension}: ${outcome.outcome}, ${outcome.rows} rows\n`);
      }
      if (held.lease === undefined) terminal.print(`${held.isLocked() ? 'locked' : 'stopped'}: nothing was loaded\n`);
    } finally {
      await held.lease?.release();
    }
  } finally {
    await lake.close();
  }
  return 0;
}

function fileSource(file: string): DimensionSource {
  const extension = path.extname(file).slice(1).toLowerCase();
  if (!(extension in FORMATS)) {
    throw new SluiceError('usage', `${file} is no file that can be loaded: give a .csv, .json or .parquet file`);
  }
  if (!existsSync(file)) throw new SluiceError('usage', `there is no file ${file}`, { context: { file } });
  return { file, format: FORMATS[extension as keyof typeof FORMATS] };
}

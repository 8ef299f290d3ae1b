import { rm } from 'node:fs/promises';
import type { TableContract } from '../../schemas/contract.ts';
import { quotedList, quotedText } from '../base/identifiers.ts';
import { createColumnFile, type ColumnFile, type DataFile, type TableLocation } from '../delta/delta.ts';
import type { Database } from '../duckdb/duckdb.ts';
import { createParquetFile, type GrowingParquetFile, type StoredColumn } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import type { RejectedFile } from './rejected-rows.ts';

/** Where rejected rows go. */
export interface RejectedSink {
  readonly contract: TableContract;
  /** Called with the first row. */
  open(): Promise<RejectedFile>;
  /** Once all rows are there: files of the table that nobody refers to yet, where it is for the table. */
  store(signal: AbortSignal): Promise<readonly DataFile[]>;
  /** Once all rows are there: a relation of them in the work area, where it is for that. */
  define(area: Database): Promise<void>;
  /** What was not stored is gone then. */
  discard(): Promise<void>;
}

/** For rows that the table has already. */
export function noSink(contract: TableContract): RejectedSink {
  return {
    contract,
    open: async () => ({ append: async () => {} }),
    store: async () => [],
    define: async () => {},
    discard: async () => {},
  };
}

/** A file of the table. */
export class TableSink implements RejectedSink {
  readonly contract: TableContract;
  readonly #table: TableLocation;
  readonly #scratch: Scratch;
  #file: ColumnFile | undefined;

  constructor(table: TableLocation, contract: TableContract, scratch: Scratch) {
    this.contract = contract;
    this.#table = table;
    this.#scratch = scratch;
  }

  async open(): Promise<RejectedFile> {
    return (this.#file = await createColumnFile(this.#table, this.contract, {}, this.#scratch));
  }

  async store(signal: AbortSignal): Promise<readonly DataFile[]> {
    const file = this.#file;
    this.#file = undefined;
    return file === undefined ? [] : [await file.store(signal)];
  }

  async define(): Promise<void> {}

  async discard(): Promise<void> {
    await this.#file?.discard();
  }
}

/** Which rows were refused, and why: the relation `refused`, also where there is none. */
export class RelationSink implements RejectedSink {
  readonly contract: TableContract;
  readonly #name: string;
  #file: GrowingParquetFile | undefined;

  constructor(contract: TableContract, scratch: Scratch) {
    this.contract = contract;
    this.#name = scratch.newFile('.parquet');
  }

  async open(): Promise<GrowingParquetFile> {
    const columns = this.contract.columns as readonly StoredColumn[];
    const bounded = columns.map((column) => ({ ...column, bounds: false }));
    return (this.#file ??= await createParquetFile(this.#name, bounded));
  }

  async store(): Promise<readonly DataFile[]> {
    return [];
  }

  async define(area: Database): Promise<void> {
    await (await this.open()).close();
    const columns = quotedList(['partition_id', 'sequence_number', 'reason']);
    const from = `read_parquet(${quotedText(this.#name)})`;
    await area.run(`CREATE OR REPLACE VIEW refused AS SELECT ${columns} FROM ${from}`);
  }

  async discard(): Promise<void> {
    await rm(this.#name, { force: true });
  }
}

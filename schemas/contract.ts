import type { z } from 'zod';

/** The Delta types that Sluice writes. Every column is nullable in the log, as readers expect. */
export type ColumnType =
  | 'string'
  | 'long'
  | 'integer'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | `decimal(${number},${number})`;

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** A Delta table: its columns in order, and by which it is partitioned. */
export interface TableContract {
  readonly columns: readonly Column[];
  readonly partitionColumns: readonly string[];
  /** Columns without minimum and maximum in the statistics: long texts that nobody skips by. */
  readonly withoutBounds?: readonly string[];
  /** Table properties, `delta.appendOnly` for instance. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** One kind of event: hub, bronze and silver table bear its name. */
export interface DatasetContract {
  readonly name: string;
  /** Strict contract over scanned members; the order of its fields is that of the reasons. See event-fields.ts. */
  readonly event: z.ZodType<Record<string, unknown>>;
  /** Columns that the event's fields become, in order. */
  readonly fields: readonly Column[];
  /** The silver row is one a key. */
  readonly key: readonly string[];
  /** Rows that agree in these are derived together by the model (a superset relation of the key's rows). */
  readonly group: readonly string[];
  /** Day of the row, partition column of the silver table. */
  readonly dayColumn: string;
  /** Silver table: fields, event columns, derived columns. */
  readonly silver: TableContract;
  /** SQL that turns the accepted events of whole groups (`events`) into silver rows. */
  readonly model: URL;
  /** SQL of rows that must not exist in the new silver rows (`rows`). */
  readonly audits: readonly URL[];
  /** Columns that a silver row must be findable by. */
  readonly findableBy: readonly (readonly string[])[];
}

/** What `schemas/` says of a dataset; the pipeline adds the files of its model and audits. */
export type EventContract = Omit<DatasetContract, 'model' | 'audits'>;

/** A table that is replaced whole at each load. */
export interface DimensionContract {
  readonly name: string;
  readonly row: z.ZodType<Record<string, unknown>>;
  readonly key: string;
  readonly table: TableContract;
}

/** One gold table: a row a day and something. */
export interface GoldViewContract {
  readonly name: string;
  readonly table: TableContract;
  readonly dayColumn: string;
  /** SQL of the rows of the days in `days`, from the silver tables and dimensions it reads. */
  readonly model: URL;
  readonly audits: readonly URL[];
  /** For each table it reads: SQL that turns changed rows (`changed`: old and new) into touched days. */
  readonly reads: readonly GoldSource[];
  /** What the report draws: a measure by a label, for the latest day. */
  readonly draws: readonly GoldChart[];
}

export interface GoldSource {
  readonly table: string;
  readonly touchedDays: URL;
  /** What `touchedDays` reads besides `changed`: of each table only what its rules, taken together, name.
   * Undefined: every table that the view reads, whole. */
  readonly looksAt?: readonly GoldLook[];
  /** What the model needs of the table for a day: the partitions of that day and of so many days after it. */
  readonly window?: { readonly column: string; readonly daysAhead: number };
  /** Or the rows that agree in these columns with a row which another source, one with a window, has on the day;
   * a null agrees with nothing. With neither it needs the whole table. */
  readonly by?: { readonly columns: readonly string[]; readonly of: string };
}

export interface GoldLook {
  /** A source of the view; or the view itself, by its name: its rows as they are. */
  readonly table: string;
  /** Rows that agree with a changed one in these columns. */
  readonly by?: readonly string[];
  /** Or rows of the day that a changed one has in this column, and of so many days before it. With neither: all. */
  readonly window?: { readonly column: string; readonly daysBefore: number };
}

export interface GoldChart {
  readonly title: string;
  /** Column (text or number) that names the bars, and column of their length. */
  readonly label: string;
  readonly measure: string;
  readonly top: number;
}

/** Everything that the engine has to know of a business: data, no code. */
export interface Pipeline {
  readonly name: string;
  readonly datasets: readonly DatasetContract[];
  readonly dimensions: readonly DimensionContract[];
  readonly gold: readonly GoldViewContract[];
}

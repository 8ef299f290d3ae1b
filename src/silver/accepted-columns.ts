import type { Column } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { quoted, quotedText } from '../base/identifiers.ts';
import { MiB } from '../base/limits.ts';
import { LENGTH_BYTES, writeLength } from '../base/byte-column.ts';
import type { ColumnPart, ParquetColumn } from '../parquet/parquet.ts';
import type { BronzeRows, Numbers } from './bronze-rows.ts';
import type { EventValue } from './judge.ts';

const limits = {
  /** Rows held before they are written. */
  rowsMax: 4096,
  /** The same as bytes of texts. */
  bytesMax: 4 * MiB,
  firstTextBytes: 64 * 1024,
} as const;

const ORIGIN_COLUMNS: readonly ParquetColumn[] = [
  { name: 'enqueued_at', type: 'timestamp', bounds: false },
  { name: 'partition_id', type: 'integer', bounds: false },
  { name: 'sequence_number', type: 'long', bounds: false },
];

const NO_HALVES = new Uint32Array(0);
const TWO_32 = 2 ** 32;
/** Of -2^63, which no double that is exact can be. */
const NULL_HIGH = 0x80000000;
const NULL_TEXT = '-9223372036854775808';

/**
 * Accepted events as columns: the contract's fields and where the row came from. A row is open until `endRow`; what is
 * put into it before counts for nothing. A file of these columns is read by the SQL of `selectAccepted`: it has
 * numbers without nulls, a number that no event has stands for one.
 */
export class AcceptedColumns {
  /** Numbers of the open row, by field: good for those that cannot be null. */
  readonly numbers: Float64Array;
  rows = 0;
  readonly #fields: readonly Column[];
  /** The column of each field. */
  readonly #columns: readonly (TextColumn | BigInt64Array)[];
  readonly #texts: readonly TextColumn[];
  /** Those of numbers, by their halves: as BigInts each would cost an object. */
  readonly #halves: readonly Uint32Array[];
  readonly #enqueuedAtUs = new BigInt64Array(limits.rowsMax);
  readonly #partitionId = new Int32Array(limits.rowsMax);
  readonly #sequenceNumber = new BigInt64Array(limits.rowsMax);

  constructor(fields: readonly Column[]) {
    this.#fields = fields;
    this.numbers = new Float64Array(fields.length);
    this.#columns = fields.map(({ type }) =>
      type === 'string' ? new TextColumn(limits.rowsMax) : new BigInt64Array(limits.rowsMax),
    );
    this.#texts = this.#columns.filter((column) => column instanceof TextColumn);
    this.#halves = this.#columns.map((column) =>
      column instanceof TextColumn ? NO_HALVES : new Uint32Array(column.buffer),
    );
  }

  textColumn(field: number): TextColumn | undefined {
    const column = this.#columns[field];
    return column instanceof TextColumn ? column : undefined;
  }

  setNumber(field: number, value: number): void {
    this.numbers[field] = value;
    const high = Math.floor(value / TWO_32);
    const halves = this.#halves[field] as Uint32Array;
    halves[2 * this.rows] = value - high * TWO_32;
    halves[2 * this.rows + 1] = high;
  }

  setNull(field: number): void {
    const column = this.#columns[field];
    if (column instanceof TextColumn) column.setNull();
    else {
      const halves = this.#halves[field] as Uint32Array;
      halves[2 * this.rows] = 0;
      halves[2 * this.rows + 1] = NULL_HIGH;
    }
  }

  /** The open row, of an event that zod has judged. */
  setValues(values: Readonly<Record<string, EventValue>>): void {
    for (const [at, { name }] of this.#fields.entries()) {
      const value = values[name] ?? null;
      if (value === null) this.setNull(at);
      else if (typeof value === 'string') present(this.textColumn(at), name).set(value);
      else this.setNumber(at, Number(value));
    }
  }

  /** Its origin follows, by `addOrigins`. */
  endRow(): void {
    const row = this.rows++;
    for (let at = 0; at < this.#texts.length; at++) (this.#texts[at] as TextColumn).endRow(row);
  }

  /** Where the last rows came from: those of bronze from `from` to `to`. */
  addOrigins({ enqueuedAtUs, partitionId, sequenceNumber }: BronzeRows, from: number, to: number): void {
    const first = this.rows - (to - from);
    const copy = <Values extends BigInt64Array | Int32Array>(into: Values, { values, first: start }: Numbers<Values>) =>
      into.set(values.subarray(start + from, start + to) as never, first);
    copy(this.#enqueuedAtUs, enqueuedAtUs);
    copy(this.#partitionId, partitionId);
    copy(this.#sequenceNumber, sequenceNumber);
  }

  /** Then they have to be written before another row is begun. */
  get isFull(): boolean {
    return this.rows === limits.rowsMax || this.textBytes >= limits.bytesMax;
  }

  get textBytes(): number {
    let bytes = 0;
    for (const { used } of this.#texts) bytes += used;
    return bytes;
  }

  /** Good until `clear`. */
  parts(): ColumnPart[] {
    const fields = this.#columns.map((column) => (column instanceof TextColumn ? column.part(this.rows) : column));
    return [...fields, this.#enqueuedAtUs, this.#partitionId, this.#sequenceNumber];
  }

  clear(): void {
    this.rows = 0;
    for (const text of this.#texts) text.used = 0;
  }
}

/** Texts behind each other, each behind its length. */
export class TextColumn {
  out: Buffer;
  /** Bytes of the rows that have ended. */
  used = 0;
  #open = 0;
  readonly #ends: Uint32Array;
  readonly #nulls: Uint8Array;
  #hasNulls = false;

  constructor(rowsMax: number) {
    this.out = Buffer.allocUnsafeSlow(limits.firstTextBytes);
    this.#ends = new Uint32Array(rowsMax);
    this.#nulls = new Uint8Array(rowsMax);
  }

  /** Where the text of the open row begins in `out`, which then has room for so many bytes of it. */
  begin(bytesMax: number): number {
    const from = this.used + LENGTH_BYTES;
    if (from + bytesMax > this.out.length) this.#grow(from + bytesMax);
    return from;
  }

  end(to: number): void {
    this.#open = to;
  }

  set(text: string): void {
    const from = this.begin(3 * text.length);
    this.#open = from + this.out.write(text, from, 'utf8');
  }

  setNull(): void {
    this.#open = this.used;
  }

  endRow(row: number): void {
    const isNull = this.#open === this.used;
    if (!isNull) writeLength(this.out, this.used, this.#open - this.used - LENGTH_BYTES);
    this.#hasNulls ||= isNull;
    this.#nulls[row] = isNull ? 1 : 0;
    this.#ends[row] = this.used = this.#open;
  }

  part(rows: number): ColumnPart {
    const { out: bytes } = this;
    const ends = this.#ends.subarray(0, rows);
    return this.#hasNulls ? { bytes, ends, nulls: this.#nulls.subarray(0, rows) } : { bytes, ends };
  }

  #grow(bytesWanted: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytesWanted, 2 * this.out.length));
    grown.set(this.out.subarray(0, this.used));
    this.out = grown;
  }
}

/** The columns of the file that accepted rows are written to. */
export function acceptedFileColumns(fields: readonly Column[]): ParquetColumn[] {
  const own = fields.map(({ name, type }): ParquetColumn => {
    return { name, type: type === 'string' ? type : 'long', bounds: false };
  });
  return [...own, ...ORIGIN_COLUMNS];
}

const FROM_NUMBER: Readonly<Record<string, (value: string) => string>> = {
  long: (value) => value,
  integer: (value) => `${value}::INTEGER`,
  boolean: (value) => `${value}::BOOLEAN`,
  timestamp: (value) => `make_timestamptz(${value})`,
};

/** Their rows as the silver table has them, with the `number` of each among them. */
export function selectAccepted(fields: readonly Column[], file: string): string {
  const columns = fields.map(({ name, type }) => {
    const column = quoted(name);
    if (type === 'string') return column;
    const fromNumber = present(FROM_NUMBER[type], `the SQL type of ${name}`);
    return `${fromNumber(`nullif(${column}, ${NULL_TEXT})`)} AS ${column}`;
  });
  const origin = ORIGIN_COLUMNS.map(({ name }) => quoted(name));
  return `SELECT ${[...columns, ...origin].join(', ')}, file_row_number AS number
    FROM read_parquet(${quotedText(file)}, file_row_number = true)`;
}

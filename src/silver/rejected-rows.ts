import type { TableContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import { byteColumnOf } from '../base/byte-column.ts';
import { MiB } from '../base/limits.ts';
import type { ColumnPart, ParquetRows } from '../parquet/parquet.ts';

const limits = {
  /** Rows held before they are written. */
  rowsMax: 2_048,
  /** The same as bytes of their bodies. */
  bytesMax: 2 * MiB,
} as const;

/** Where a bronze row came from. */
export interface Origin {
  readonly enqueuedAtUs: bigint;
  readonly partitionId: number;
  readonly sequenceNumber: bigint;
}

/** A bronze row that is no event, and the one reason. */
export interface RejectedRow extends Origin {
  readonly reason: string;
  /** UTF-8; kept as it is. */
  readonly body: Uint8Array | undefined;
  readonly bodyBase64: Uint8Array | undefined;
}

/** What rejected events are written to. */
export interface RejectedFile {
  append(rows: ParquetRows): Promise<void>;
}

/** Gathers rejected events, and writes them as rows of their table (domain section 3). */
export class RejectedRows {
  readonly #contract: TableContract;
  readonly #dataset: string;
  readonly #rejectedAtUs: bigint;
  readonly #open: () => Promise<RejectedFile>;
  #file: RejectedFile | undefined;
  #rows: RejectedRow[] = [];
  #bytes = 0;

  /** The file is opened with the first row. */
  constructor(contract: TableContract, dataset: string, rejectedAtUs: bigint, open: () => Promise<RejectedFile>) {
    this.#contract = contract;
    this.#dataset = dataset;
    this.#rejectedAtUs = rejectedAtUs;
    this.#open = open;
  }

  /** The bytes must stand until `write`. */
  add(row: RejectedRow): void {
    this.#rows.push(row);
    this.#bytes += (row.body?.length ?? 0) + (row.bodyBase64?.length ?? 0);
  }

  get isFull(): boolean {
    return this.#rows.length >= limits.rowsMax || this.#bytes >= limits.bytesMax;
  }

  async write(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0) return;
    const parts: Readonly<Record<string, ColumnPart>> = {
      dataset: { repeated: this.#dataset },
      partition_id: Int32Array.from(rows, ({ partitionId }) => partitionId),
      sequence_number: BigInt64Array.from(rows, ({ sequenceNumber }) => sequenceNumber),
      enqueued_at: BigInt64Array.from(rows, ({ enqueuedAtUs }) => enqueuedAtUs),
      reason: byteColumnOf(rows.map(({ reason }) => Buffer.from(reason))),
      body: byteColumnOf(rows.map(({ body }) => body)),
      body_base64: byteColumnOf(rows.map(({ bodyBase64 }) => bodyBase64)),
      rejected_at: { repeated: this.#rejectedAtUs },
    };
    const columns = this.#contract.columns.map(({ name }) => present(parts[name], `rejected column ${name}`));
    this.#file ??= await this.#open();
    await this.#file.append({ count: rows.length, columns });
    this.#rows = [];
    this.#bytes = 0;
  }
}

import { rm } from 'node:fs/promises';
import type { DatasetContract } from '../../schemas/contract.ts';
import { createParquetFile, type GrowingParquetFile } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import { AcceptedColumns, acceptedFileColumns } from './accepted-columns.ts';
import type { BronzeRows } from './bronze-rows.ts';
import { EventScanner } from './event-scanner.ts';
import { eventRules } from './event-rules.ts';
import { judge } from './judge.ts';
import type { Origin, RejectedRows } from './rejected-rows.ts';
import { UnknownNames } from './unknown-names.ts';

export interface Judged {
  readonly rowsIn: number;
  readonly accepted: number;
  /** Of these, rows that the scanner read; zod judged the others. */
  readonly scanned: number;
  /** By reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** By name, the first 20 met: accepted events that had a field of this name. */
  readonly unknownFields: Readonly<Record<string, number>>;
}

export const NOTHING_JUDGED: Judged = { rowsIn: 0, accepted: 0, scanned: 0, rejected: {}, unknownFields: {} };

/** Bytes of a row's numbers and of what it takes besides its texts. */
const ROW_BYTES = 24;
const NUMBER_BYTES = 8;

/**
 * Judges bronze rows by the contract (domain section 1), in their order. The scanner takes what is plainly an event;
 * what it leaves is zod's, which alone refuses. Accepted events go to a local file, the others to the rejected rows.
 */
export class BronzeJudge {
  readonly #dataset: DatasetContract;
  readonly #scratch: Scratch;
  readonly #columns: AcceptedColumns;
  readonly #scanner: EventScanner | undefined;
  readonly #rejected: RejectedRows;
  readonly #unknown = new UnknownNames();
  readonly #reasons = new Map<string, number>();
  readonly #rowBytes: number;
  #file: { readonly name: string; readonly growing: GrowingParquetFile } | undefined;
  #counts = { rowsIn: 0, accepted: 0, scanned: 0 };
  #writtenBytes = 0;

  constructor(dataset: DatasetContract, scratch: Scratch, rejected: RejectedRows) {
    this.#dataset = dataset;
    this.#scratch = scratch;
    this.#rejected = rejected;
    this.#columns = new AcceptedColumns(dataset.fields);
    const rules = eventRules(dataset);
    this.#scanner = rules && new EventScanner(rules, this.#columns);
    const numbers = dataset.fields.filter(({ type }) => type !== 'string').length;
    this.#rowBytes = ROW_BYTES + NUMBER_BYTES * numbers;
  }

  /** That the accepted rows take in their file. */
  get acceptedBytes(): number {
    return this.#writtenBytes + this.#columns.textBytes + this.#columns.rows * this.#rowBytes;
  }

  async take(rows: BronzeRows): Promise<void> {
    const { bytes, starts, ends, nulls, first } = rows.body;
    const scanner = this.#scanner;
    const columns = this.#columns;
    this.#counts.rowsIn += rows.count;
    /** From this row on all are accepted. */
    let accepted = 0;
    for (let row = 0; row < rows.count; row++) {
      const [from, end] = [starts[first + row] as number, ends[first + row] as number];
      const isThere = nulls === undefined || nulls[first + row] === 0;
      if (isThere && scanner?.scan(bytes, from, end) === true) {
        if (scanner.unknown.length > 0) this.#unknown.addRow(scanner.unknown);
        columns.endRow();
        this.#counts.scanned += 1;
      } else if (!this.#judge(rows, row, isThere ? bytes.subarray(from, end) : undefined)) {
        columns.addOrigins(rows, accepted, row);
        accepted = row + 1;
        if (this.#rejected.isFull) await this.#rejected.write();
      }
      if (columns.isFull) {
        columns.addOrigins(rows, accepted, row + 1);
        accepted = row + 1;
        await this.#writeAccepted();
      }
    }
    columns.addOrigins(rows, accepted, rows.count);
    // They refer to these rows' bytes.
    await this.#rejected.write();
  }

  /** The counts, and the file of the accepted rows, which the caller removes; undefined: none were. */
  async end(): Promise<{ readonly judged: Judged; readonly accepted: string | undefined }> {
    await this.#writeAccepted();
    await this.#file?.growing.close();
    const judged = {
      ...this.#counts,
      rejected: Object.fromEntries(this.#reasons),
      unknownFields: this.#unknown.result(),
    };
    return { judged, accepted: this.#file?.name };
  }

  async discard(): Promise<void> {
    await this.#file?.growing.discard();
    if (this.#file !== undefined) await rm(this.#file.name, { force: true });
  }

  /** Whether zod accepts the row; its origin is then still to be added. */
  #judge(rows: BronzeRows, row: number, body: Uint8Array | undefined): boolean {
    const verdict = judge(this.#dataset, body ?? null);
    if (verdict.accepted) {
      this.#columns.setValues(verdict.values);
      this.#columns.endRow();
      this.#unknown.addRow(verdict.unknown);
      return true;
    }
    const { reason } = verdict;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    const { bytes, starts, ends, nulls, first } = rows.bodyBase64;
    const isNull = nulls !== undefined && nulls[first + row] === 1;
    const bodyBase64 = isNull ? undefined : bytes.subarray(starts[first + row], ends[first + row]);
    this.#rejected.add({ ...originOf(rows, row), reason, body, bodyBase64 });
    return false;
  }

  async #writeAccepted(): Promise<void> {
    const columns = this.#columns;
    if (columns.rows === 0) return;
    if (this.#file === undefined) {
      const name = this.#scratch.newFile('.parquet');
      const fileColumns = acceptedFileColumns(this.#dataset.fields);
      this.#file = { name, growing: await createParquetFile(name, fileColumns, { compressed: false }) };
    }
    this.#counts.accepted += columns.rows;
    this.#writtenBytes = this.acceptedBytes;
    await this.#file.growing.append({ count: columns.rows, columns: columns.parts() });
    columns.clear();
  }
}

function originOf({ partitionId, sequenceNumber, enqueuedAtUs }: BronzeRows, row: number): Origin {
  return {
    partitionId: partitionId.values[partitionId.first + row] as number,
    sequenceNumber: sequenceNumber.values[sequenceNumber.first + row] as bigint,
    enqueuedAtUs: enqueuedAtUs.values[enqueuedAtUs.first + row] as bigint,
  };
}

import { Bounds } from './bounds.ts';
import { definitionLevels, pushRun } from './levels.ts';
import type { ParquetType } from './parquet.ts';

/** The one value of many rows, run by run: a dictionary of the values and the runs of their indices. */
export class RepeatedColumn {
  readonly bounds: Bounds;
  readonly #type: ParquetType;
  readonly #values: Uint8Array[] = [];
  readonly #indices = new Map<string | number | bigint, number>();
  readonly #runs: { readonly index: number; rows: number }[] = [];
  #rows = 0;

  constructor(type: ParquetType) {
    this.#type = type;
    this.bounds = new Bounds(type === 'string');
  }

  add(value: string | number | bigint, rows: number): void {
    const index = this.#indices.get(value) ?? this.#keep(value);
    const last = this.#runs.at(-1);
    if (last?.index === index) last.rows += rows;
    else this.#runs.push({ index, rows });
    this.#rows += rows;
  }

  get valueCount(): number {
    return this.#values.length;
  }

  dictionaryPage(): Uint8Array {
    if (this.#type !== 'string') return Buffer.concat(this.#values);
    return Buffer.concat(this.#values.flatMap((value) => [lengthOf(value), value]));
  }

  dataPage(): Uint8Array {
    // A width of 0 for a single value is allowed, and not every reader expects it.
    const bitWidth = Math.max(1, 32 - Math.clz32(this.#values.length - 1));
    const bytes = [bitWidth];
    for (const { index, rows } of this.#runs) pushRun(bytes, rows, index, Math.ceil(bitWidth / 8));
    return Buffer.concat([definitionLevels(this.#rows, 0, undefined), Buffer.from(bytes)]);
  }

  #keep(value: string | number | bigint): number {
    const plain = plainValue(this.#type, value);
    const index = this.#values.push(plain) - 1;
    this.#indices.set(value, index);
    this.bounds.add(plain);
    return index;
  }
}

function lengthOf({ length }: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

/** As PLAIN has it, without length. */
function plainValue(type: ParquetType, value: string | number | bigint): Buffer {
  if (type === 'string') return Buffer.from(String(value));
  const bytes = Buffer.alloc(type === 'integer' ? 4 : 8);
  if (type === 'integer') bytes.writeInt32LE(Number(value));
  else bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

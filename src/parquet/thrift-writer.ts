const STOP = 0;
const TYPE = { true: 1, false: 2, byte: 3, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;
const HIGH_BIT = 0x80;

export type ElementType = 'i32' | 'binary' | 'struct';

/** Thrift's compact protocol as far as Parquet's metadata needs it. Fields are given in the order of their ids. */
export class ThriftWriter {
  readonly #bytes: number[] = [];
  /** Ids of the last fields of the structs that are open, the innermost last. */
  readonly #open: number[] = [];
  #last = 0;

  i32(id: number, value: number): this {
    this.#field(id, TYPE.i32);
    return this.zigzag(value);
  }

  i64(id: number, value: number): this {
    this.#field(id, TYPE.i64);
    return this.zigzag(value);
  }

  bool(id: number, value: boolean): this {
    this.#field(id, value ? TYPE.true : TYPE.false);
    return this;
  }

  byte(id: number, value: number): this {
    this.#field(id, TYPE.byte);
    this.#bytes.push(value);
    return this;
  }

  binary(id: number, value: Uint8Array | string): this {
    this.#field(id, TYPE.binary);
    return this.bytes(value);
  }

  /** Begins the list of a field; its elements follow: `zigzag`, `bytes`, or `begin` and `end`. */
  list(id: number, type: ElementType, count: number): this {
    this.#field(id, TYPE.list);
    if (count < 15) this.#bytes.push((count << 4) | TYPE[type]);
    else {
      this.#bytes.push(0xf0 | TYPE[type]);
      this.#varint(count);
    }
    return this;
  }

  /** Begins the struct of a field; without an id: of a list, or the outermost. */
  begin(id?: number): this {
    if (id !== undefined) this.#field(id, TYPE.struct);
    this.#open.push(this.#last);
    this.#last = 0;
    return this;
  }

  end(): this {
    this.#bytes.push(STOP);
    this.#last = this.#open.pop() ?? 0;
    return this;
  }

  /** A signed number up to 2^52. */
  zigzag(value: number): this {
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
    return this;
  }

  bytes(value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#varint(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #field(id: number, type: number): void {
    this.#bytes.push(((id - this.#last) << 4) | type);
    this.#last = id;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= HIGH_BIT) {
      this.#bytes.push((rest % HIGH_BIT) | HIGH_BIT);
      rest = Math.floor(rest / HIGH_BIT);
    }
    this.#bytes.push(rest);
  }
}

const TYPE = {
  stop: 0,
  true: 1,
  false: 2,
  byte: 3,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;
const DEPTH_MAX = 8;

/** Numbers, flags and structs by their field ids; of other fields nothing is kept. */
export interface ThriftStruct {
  readonly [id: number]: number | boolean | ThriftStruct;
}

/** Reads Thrift's compact protocol as far as the headers of pages need it. Throws a RangeError where the bytes end. */
export class ThriftReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth = 0): ThriftStruct {
    if (depth > DEPTH_MAX) throw new RangeError('structs are nested too deeply');
    const fields: Record<number, number | boolean | ThriftStruct> = {};
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === TYPE.stop) return fields;
      id = head >> 4 === 0 ? this.#zigzag() : id + (head >> 4);
      const value = this.#value(type, depth);
      if (value !== undefined) fields[id] = value;
    }
  }

  #value(type: number, depth: number): number | boolean | ThriftStruct | undefined {
    if (type === TYPE.true || type === TYPE.false) return type === TYPE.true;
    if (type === TYPE.byte) return this.#byte();
    if (type > TYPE.byte && type < TYPE.double) return this.#zigzag();
    if (type === TYPE.struct) return this.struct(depth + 1);
    if (type === TYPE.double) this.#skip(8);
    else if (type === TYPE.binary) this.#skip(this.#varint());
    else if (type === TYPE.list || type === TYPE.set) this.#skipList(depth);
    else throw new RangeError(`no field has type ${type}`);
    return undefined;
  }

  #skipList(depth: number): void {
    const head = this.#byte();
    const count = head >> 4 === 0x0f ? this.#varint() : head >> 4;
    const type = head & 0x0f;
    for (let element = 0; element < count; element++) {
      // A flag of a list is a byte of its own.
      if (type === TYPE.true || type === TYPE.false) this.#skip(1);
      else this.#value(type, depth + 1);
    }
  }

  #skip(bytes: number): void {
    this.at += bytes;
    if (this.at > this.#bytes.length) throw new RangeError('the bytes end within a field');
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError('the bytes end within a struct');
    return byte;
  }

  #varint(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
      if (scale > 2 ** 49) throw new RangeError('a number is too long');
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

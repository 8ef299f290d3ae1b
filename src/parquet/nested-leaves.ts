import { zstdDecompressSync } from 'node:zlib';
import type { ColumnMetaData, RowGroup, SchemaElement } from 'hyparquet';
import { READABLE_CODECS, READABLE_ENCODINGS } from './column-pages.ts';
import { parseFooter } from './footer.ts';
import { ENCODING, LEVELS_LENGTH_BYTES, numberOf, PAGE, PAGE_BYTES_MAX, structOf } from './page-header.ts';
import { lengthAt, readRuns } from './page-values.ts';
import type { LeafValue, NestedGroup, NestedLeaf } from './parquet.ts';
import { unsnappy } from './snappy.ts';
import { ThriftReader } from './thrift-reader.ts';
import type { ThriftStruct } from './thrift-reader.ts';

/** A leaf of the schema, and among which leaves of the file it is. */
interface Leaf extends Pick<NestedLeaf, 'path' | 'definitionMax' | 'repetitionMax' | 'repeatedAt'> {
  readonly place: number;
  readonly type: string | undefined;
}

const TYPES: ReadonlySet<string | undefined> = new Set(['BYTE_ARRAY', 'INT32', 'INT64', 'BOOLEAN']);
const CODECS: ReadonlySet<string> = new Set(READABLE_CODECS);
const ENCODINGS: ReadonlySet<string> = new Set(READABLE_ENCODINGS);

const limits = {
  /** Slots of a leaf, which stand in memory at once. */
  slotsMax: 2 ** 26,
} as const;

/** See the door. */
export function readNestedLeaves(
  file: ArrayBuffer,
  isWanted: (path: readonly string[]) => boolean,
): NestedGroup[] | undefined {
  const { schema, row_groups: groups } = parseFooter(file);
  const all = leavesOf(schema);
  for (const group of groups) checkChunks(group, all);
  const leaves = all.filter(({ path }) => isWanted(path));
  if (!leaves.every(({ type, repetitionMax }) => TYPES.has(type) && repetitionMax <= 1)) {
    throw new RangeError('a leaf is of a type or a nesting that is not expected here');
  }
  const found: NestedGroup[] = [];
  for (const { columns, num_rows: rows } of groups) {
    const read: NestedLeaf[] = [];
    for (const leaf of leaves) {
      const chunk = columns[leaf.place]?.meta_data;
      if (chunk === undefined || !isReadable(chunk)) return undefined;
      read.push(readLeaf(leaf, chunk, new Uint8Array(file)));
    }
    found.push({ rows: Number(rows), leaves: read });
  }
  return found;
}

/**
 * A schema that is damaged fits its chunks no more: otherwise a leaf that is misnamed would be missed by nobody. Nor
 * does a chunk whose codec was damaged fit the others: that is for no other reader to find out.
 */
function checkChunks({ columns, num_rows: rows }: RowGroup, leaves: readonly Leaf[]): void {
  if (columns.length !== leaves.length) throw new RangeError('a row group has other columns than the schema');
  for (const [place, { path }] of leaves.entries()) {
    const chunk = columns[place]?.meta_data;
    if (chunk?.path_in_schema.join('.') !== path.join('.')) throw new RangeError('a chunk is of another leaf');
    if (chunk.codec !== columns[0]?.meta_data?.codec) throw new RangeError('chunks are compressed differently');
    // Every row has a slot.
    if (chunk.num_values < rows) throw new RangeError('a row group has more rows than a column of it');
  }
}

function isReadable({ codec, encodings }: ColumnMetaData): boolean {
  return CODECS.has(codec) && encodings.every((encoding) => ENCODINGS.has(encoding));
}

function leavesOf(schema: readonly SchemaElement[]): Leaf[] {
  const leaves: Leaf[] = [];
  let next = 1;
  const visit = (children: number, above: Omit<Leaf, 'place' | 'type'>): void => {
    for (let child = 0; child < children; child++) {
      const element = schema[next++];
      if (element === undefined) throw new RangeError('the schema ends too early');
      const { repetition_type: repetition, num_children: below = 0, type } = element;
      if (repetition === undefined) throw new RangeError('a column may be there or not: nobody says');
      const definitionMax = above.definitionMax + (repetition === 'REQUIRED' ? 0 : 1);
      const isRepeated = repetition === 'REPEATED';
      const own = {
        path: [...above.path, element.name],
        definitionMax,
        repetitionMax: above.repetitionMax + (isRepeated ? 1 : 0),
        repeatedAt: isRepeated ? definitionMax : above.repeatedAt,
      };
      if (type !== undefined) leaves.push({ ...own, place: leaves.length, type });
      else visit(below, own);
    }
  };
  visit(schema[0]?.num_children ?? 0, { path: [], definitionMax: 0, repetitionMax: 0, repeatedAt: 0 });
  return leaves;
}

function readLeaf(leaf: Leaf, chunk: ColumnMetaData, file: Uint8Array): NestedLeaf {
  const { path, definitionMax, repetitionMax, repeatedAt, type } = leaf;
  // Some writers have a dictionary at 0 where they mean none.
  const from = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  const bytes = file.subarray(from, from + Number(chunk.total_compressed_size));
  const slots = Number(chunk.num_values);
  if (slots > limits.slotsMax) throw new RangeError('a column has too many values');
  const reader = new LeafReader(bytes, chunk.codec, type);
  const [definitions, repetitions] = [new Int32Array(slots), new Int32Array(slots)];
  const values: LeafValue[] = [];
  for (let filled = 0; filled < slots;) {
    const page = reader.next(repetitionMax, definitionMax, slots - filled);
    definitions.set(page.definitions, filled);
    repetitions.set(page.repetitions, filled);
    for (const value of page.values) values.push(value);
    filled += page.slots;
  }
  return { path, definitionMax, repetitionMax, repeatedAt, definitions, repetitions, values };
}

interface LeafPage {
  readonly slots: number;
  readonly definitions: Int32Array;
  readonly repetitions: Int32Array;
  /** Of the slots that have one. */
  readonly values: readonly LeafValue[];
}

/** The pages of one column chunk. Throws a RangeError. */
class LeafReader {
  readonly #bytes: Uint8Array;
  readonly #codec: string;
  readonly #type: string | undefined;
  #at = 0;
  #dictionary: readonly LeafValue[] = [];

  constructor(bytes: Uint8Array, codec: string, type: string | undefined) {
    this.#bytes = bytes;
    this.#codec = codec;
    this.#type = type;
  }

  next(repetitionMax: number, definitionMax: number, slotsMax: number): LeafPage {
    for (;;) {
      const header = new ThriftReader(this.#bytes, this.#at);
      const fields = header.struct();
      const [kind, rawBytes, storedBytes] = [numberOf(fields, 1), numberOf(fields, 2), numberOf(fields, 3)];
      if (rawBytes > PAGE_BYTES_MAX) throw new RangeError('a page is too large');
      if (header.at + storedBytes > this.#bytes.length) throw new RangeError('a page goes beyond its column');
      this.#at = header.at + storedBytes;
      const stored = this.#bytes.subarray(header.at, this.#at);
      if (kind === PAGE.dictionary) {
        const about = structOf(fields, 7);
        this.#dictionary = this.#plain(this.#content(stored, rawBytes), 0, numberOf(about, 1));
      } else if (kind === PAGE.data || kind === PAGE.dataV2) {
        const about = structOf(fields, kind === PAGE.data ? 5 : 8);
        if (numberOf(about, 1) > slotsMax) throw new RangeError('a page has too many values');
        if (kind === PAGE.dataV2) return this.#pageV2(about, stored, rawBytes, repetitionMax, definitionMax);
        return this.#pageV1(about, this.#content(stored, rawBytes), repetitionMax, definitionMax);
      }
    }
  }

  #pageV1(about: ThriftStruct, content: Uint8Array, repetitionMax: number, definitionMax: number): LeafPage {
    const slots = numberOf(about, 1);
    let at = 0;
    const levels = (max: number): Int32Array => {
      if (max === 0) return new Int32Array(slots);
      const from = at + LEVELS_LENGTH_BYTES;
      at = from + lengthWithin(content, at);
      if (at > content.length) throw new RangeError('levels go beyond their page');
      return readRuns(content, from, at, slots, widthOf(max));
    };
    if (definitionMax > 0) checkLevels(numberOf(about, 3));
    if (repetitionMax > 0) checkLevels(numberOf(about, 4));
    const repetitions = levels(repetitionMax);
    const definitions = levels(definitionMax);
    const count = countOf(definitions, definitionMax);
    return { slots, definitions, repetitions, values: this.#values(content, at, count, numberOf(about, 2)) };
  }

  #pageV2(
    about: ThriftStruct,
    stored: Uint8Array,
    rawBytes: number,
    repetitionMax: number,
    definitionMax: number,
  ): LeafPage {
    const [slots, definitionBytes, repetitionBytes] = [numberOf(about, 1), numberOf(about, 5), numberOf(about, 6)];
    const levelBytes = definitionBytes + repetitionBytes;
    if (levelBytes > stored.length) throw new RangeError('levels go beyond their page');
    const levels = (max: number, from: number, to: number): Int32Array =>
      max === 0 ? new Int32Array(slots) : readRuns(stored, from, to, slots, widthOf(max));
    const repetitions = levels(repetitionMax, 0, repetitionBytes);
    const definitions = levels(definitionMax, repetitionBytes, levelBytes);
    const rest = stored.subarray(levelBytes);
    const content = about[7] === false ? rest : this.#content(rest, rawBytes - levelBytes);
    const count = countOf(definitions, definitionMax);
    return { slots, definitions, repetitions, values: this.#values(content, 0, count, numberOf(about, 4)) };
  }

  #content(stored: Uint8Array, rawBytes: number): Uint8Array {
    if (this.#codec === 'SNAPPY' && rawBytes > 0) return unsnappy(stored, rawBytes);
    const isPlain = this.#codec !== 'ZSTD' || rawBytes === 0;
    const content = isPlain ? stored : zstdDecompressSync(stored, { maxOutputLength: rawBytes });
    if (content.length < rawBytes) throw new RangeError('a page is shorter than its header says');
    return content;
  }

  #values(content: Uint8Array, from: number, count: number, encoding: number): readonly LeafValue[] {
    if (count === 0) return [];
    if (encoding === ENCODING.plain) return this.#plain(content, from, count);
    if (encoding === ENCODING.rle && this.#type === 'BOOLEAN') {
      const flags = from + LEVELS_LENGTH_BYTES;
      return Array.from(readRuns(content, flags, flags + lengthWithin(content, from), count, 1), (flag) => flag === 1);
    }
    if (encoding !== ENCODING.plainDictionary && encoding !== ENCODING.rleDictionary) {
      throw new RangeError(`encoding ${encoding} is not expected here`);
    }
    const width = content[from] ?? 0;
    const places = width === 0 ? new Int32Array(count) : readRuns(content, from + 1, content.length, count, width);
    return Array.from(places, (place) => {
      const value = this.#dictionary[place];
      if (value === undefined) throw new RangeError('a value is not in its dictionary');
      return value;
    });
  }

  #plain(content: Uint8Array, from: number, count: number): LeafValue[] {
    const view = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const values: LeafValue[] = [];
    let at = from;
    for (let index = 0; index < count; index++) {
      if (this.#type === 'BYTE_ARRAY') {
        const start = at + LEVELS_LENGTH_BYTES;
        at = start + lengthWithin(content, at);
        if (at > content.length) throw new RangeError('a text goes beyond its page');
        values.push(view.toString('utf8', start, at));
      } else if (this.#type === 'BOOLEAN') {
        values.push(((view.readUInt8(from + (index >> 3)) >> (index & 7)) & 1) === 1);
      } else {
        values.push(this.#type === 'INT64' ? Number(view.readBigInt64LE(at)) : view.readInt32LE(at));
        at += this.#type === 'INT64' ? 8 : 4;
      }
    }
    return values;
  }
}

function lengthWithin(bytes: Uint8Array, at: number): number {
  if (at + LEVELS_LENGTH_BYTES > bytes.length) throw new RangeError('a length goes beyond its page');
  return lengthAt(bytes, at);
}

/** Other writers have none but runs since 2013. */
function checkLevels(encoding: number): void {
  if (encoding !== ENCODING.rle) throw new RangeError(`encoding ${encoding} of levels is not expected here`);
}

function widthOf(max: number): number {
  return 32 - Math.clz32(max);
}

function countOf(levels: Int32Array, max: number): number {
  let count = 0;
  for (const level of levels) {
    if (level > max) throw new RangeError('a level is too high');
    if (level === max) count += 1;
  }
  return count;
}

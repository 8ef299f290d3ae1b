import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/**
 * The bytes of a pack: which of its files holds which hash, about 4 bytes a hash, looked up where it lies.
 *
 * A word of 32 bits an entry: the low bits of the hash, and behind them the number of the file. The high bits are the
 * entry's bucket; buckets stand one behind the other, sorted within, so that a pack is in the order of its hashes.
 * It keeps all bits of them, whatever the number of its files, and can be merged with others.
 *
 * magic · version · CRC-32 of the rest of the head · files · entries · bytes of the names · names (JSON, padded to
 * words) · end of each bucket · entries. All numbers are words, little endian; what stands before the entries is the
 * head.
 */
const MAGIC = 0x4b504c53;
/** Of the form and of the hash. */
const VERSION = 2;
const FIXED_WORDS = 6;
const WORD_BYTES = 4;
/** Words before what the checksum is of. */
const CHECKED_FROM = 3;

export const HASH_BITS = 38;
const ENTRY_BITS = 32;
/** Equal parts of all hashes, which begin with a bucket in every pack. */
export const PARTS = 2 ** (HASH_BITS - ENTRY_BITS);
/** Hashes of a part. */
export const PART_HASHES = 2 ** ENTRY_BITS;

const limits = {
  /** More files than a table has where it is optimized now and then; the table of buckets grows with it. */
  filesMax: 2 ** 16,
  /** Entries read at once by a look-up of many hashes, a single bucket aside. */
  windowEntries: 2 ** 17,
  /** A look-up of fewer hashes reads their buckets alone. */
  windowedFrom: 512,
} as const;

/** How a pack of so many files has its words: a file's number, and the hashes of a bucket. */
export interface Layout {
  readonly fileScale: number;
  readonly bucketHashes: number;
  readonly bucketCount: number;
}

/** Throws a RangeError for more than 65,536 files. */
export function layoutOf(fileCount: number): Layout {
  if (fileCount > limits.filesMax) throw new RangeError(`${fileCount} files are too many for one pack`);
  const fileBits = Math.max(0, 32 - Math.clz32(Math.max(0, fileCount - 1)));
  const fileScale = 2 ** fileBits;
  return { fileScale, bucketHashes: PART_HASHES / fileScale, bucketCount: PARTS * fileScale };
}

/** The head of a pack with these files and these ends of its buckets. */
export function encodeHead(files: readonly string[], bucketEnds: Uint32Array): Uint8Array {
  const names = Buffer.from(JSON.stringify(files));
  const bucketsAt = FIXED_WORDS + Math.ceil(names.length / WORD_BYTES);
  const words = new Uint32Array(bucketsAt + bucketEnds.length);
  const bytes = new Uint8Array(words.buffer);
  words.set([MAGIC, VERSION, 0, files.length, bucketEnds.at(-1) ?? 0, names.length]);
  bytes.set(names, FIXED_WORDS * WORD_BYTES);
  words.set(bucketEnds, bucketsAt);
  words[2] = crc32(bytes.subarray(CHECKED_FROM * WORD_BYTES));
  return bytes;
}

/** A pack in a local file: its head is held, its entries are read as they are needed. */
export class PackFile {
  readonly files: readonly string[];
  readonly layout: Layout;
  readonly #file: string;
  readonly #bucketEnds: Uint32Array;
  readonly #entriesAt: number;

  private constructor(file: string, files: readonly string[], bucketEnds: Uint32Array, entriesAt: number) {
    this.files = files;
    this.layout = layoutOf(files.length);
    this.#file = file;
    this.#bucketEnds = bucketEnds;
    this.#entriesAt = entriesAt;
  }

  /** Throws a RangeError where the file is no pack, or not all of one. */
  static async open(file: string): Promise<PackFile> {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const fixed = await readWords(handle, 0, FIXED_WORDS, size);
      const [magic, version, checksum, fileCount = 0, entryCount = 0, nameBytes = 0] = fixed;
      if (magic !== MAGIC || version !== VERSION) throw spoilt('it begins as none');
      const bucketsAt = FIXED_WORDS + Math.ceil(nameBytes / WORD_BYTES);
      const { bucketCount } = layoutOf(fileCount);
      if (size !== (bucketsAt + bucketCount + entryCount) * WORD_BYTES) throw spoilt('its length is another');
      const head = await readWords(handle, 0, bucketsAt + bucketCount, size);
      const bytes = Buffer.from(head.buffer);
      if (checksum !== crc32(bytes.subarray(CHECKED_FROM * WORD_BYTES))) throw spoilt('its checksum is another');
      const names = bytes.toString('utf8', FIXED_WORDS * WORD_BYTES, FIXED_WORDS * WORD_BYTES + nameBytes);
      return new PackFile(file, JSON.parse(names) as string[], head.slice(bucketsAt), bucketsAt + bucketCount);
    } finally {
      await handle.close();
    }
  }

  /** Those of its files that hold one of the hashes, which are in order. */
  async holding(hashes: Float64Array): Promise<Set<string>> {
    const isFound = new Uint8Array(this.files.length);
    const atOnce = hashes.length < limits.windowedFrom ? 0 : limits.windowEntries;
    const room = new Uint32Array(atOnce);
    const handle = await open(this.#file);
    try {
      for (let at = this.#mark(hashes, 0, room, 0, 0, isFound); at < hashes.length;) {
        const bucket = this.#bucketOf(hashes[at] as number);
        const from = this.#bucketStart(bucket);
        const end = Math.min(Math.max(this.#bucketStart(bucket + 1), from + atOnce), this.#bucketStart(Infinity));
        const window = await this.#entries(handle, from, end, room);
        at = this.#mark(hashes, at, window, from, end, isFound);
      }
    } finally {
      await handle.close();
    }
    return new Set(this.files.filter((_, file) => isFound[file] === 1));
  }

  /** Looks up the hashes from `at` on in the entries from `from` to `end`; gives the first whose bucket they lack. */
  #mark(hashes: Float64Array, at: number, window: Uint32Array, from: number, end: number, isFound: Uint8Array): number {
    const { fileScale, bucketHashes } = this.layout;
    for (let next = at; next < hashes.length; next++) {
      const hash = hashes[next] as number;
      const bucket = this.#bucketOf(hash);
      const [bucketFrom, bucketEnd] = [this.#bucketStart(bucket), this.#bucketEnds[bucket] as number];
      if (bucketFrom === bucketEnd) continue;
      if (bucketEnd > end) return next;
      const first = (hash % bucketHashes) * fileScale;
      for (let place = placeOf(window, first, bucketFrom - from, bucketEnd - from); place < bucketEnd - from; place++) {
        const file = (window[place] as number) - first;
        if (file >= fileScale) break;
        isFound[file] = 1;
      }
    }
    return hashes.length;
  }

  #bucketOf(hash: number): number {
    return Math.floor(hash / this.layout.bucketHashes);
  }

  /** Calls back for each entry of a part, with the hash from the part's first one on and the file's number. */
  async forEach(part: number, action: (hash: number, file: number) => void): Promise<void> {
    const { fileScale, bucketHashes } = this.layout;
    const firstBucket = part * fileScale;
    const from = this.#bucketStart(firstBucket);
    const handle = await open(this.#file);
    try {
      const entries = await this.#entries(handle, from, this.#bucketStart(firstBucket + fileScale));
      let place = 0;
      for (let bucket = 0; bucket < fileScale; bucket++) {
        const end = (this.#bucketEnds[firstBucket + bucket] as number) - from;
        for (; place < end; place++) {
          const entry = entries[place] as number;
          action(bucket * bucketHashes + Math.floor(entry / fileScale), entry % fileScale);
        }
      }
    } finally {
      await handle.close();
    }
  }

  /** Of a bucket beyond the last one: where the entries end. */
  #bucketStart(bucket: number): number {
    return bucket === 0 ? 0 : (this.#bucketEnds[Math.min(bucket, this.#bucketEnds.length) - 1] as number);
  }

  /** They stand in `room` where it is large enough. */
  #entries(
    handle: FileHandle,
    from: number,
    end: number,
    room: Uint32Array<ArrayBuffer> = NO_ROOM,
  ): Promise<Uint32Array<ArrayBuffer>> {
    return readWords(handle, this.#entriesAt + from, end - from, Infinity, room);
  }
}

const NO_ROOM = new Uint32Array(0);

/** The first entry from `from` to `end` that is not below this one. */
function placeOf(entries: Uint32Array, entry: number, from: number, end: number): number {
  let [low, high] = [from, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as number) < entry) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function readWords(
  handle: FileHandle,
  from: number,
  count: number,
  size: number,
  room: Uint32Array<ArrayBuffer> = NO_ROOM,
): Promise<Uint32Array<ArrayBuffer>> {
  if ((from + count) * WORD_BYTES > size) throw spoilt('it is too short');
  const words = count <= room.length ? room.subarray(0, count) : new Uint32Array(count);
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from * WORD_BYTES + done);
    if (bytesRead === 0) throw spoilt('it is too short');
    done += bytesRead;
  }
  return words;
}

function spoilt(why: string): RangeError {
  return new RangeError(`this is no key pack: ${why}`);
}

import { open, type FileHandle } from 'node:fs/promises';
import { encodeHead, layoutOf, PART_HASHES, PARTS, type Layout, type PackFile } from './pack-file.ts';

const limits = {
  /** Words written at once: small packs have few in a part. */
  wordsAtOnce: 2 ** 16,
} as const;

/** File → the hashes of its keys, each a whole number below 2^38. */
export type HashesByFile = ReadonlyMap<string, Float64Array>;

/** Entries of a pack to be, part by part: the hash from the part's first one on, and the file's number. */
type Source = (part: number, action: (hash: number, file: number) => void) => Promise<void>;

/**
 * Writes a pack of these files and of those that are live of other packs. Holds the entries of a sixty-fourth of all
 * hashes at a time, beside the new ones. Throws a RangeError for more than 65,536 files.
 */
export async function writePack(
  file: string,
  hashes: HashesByFile,
  folded: readonly PackFile[],
  isLive: (file: string) => boolean,
): Promise<void> {
  const numbers = new Map([...hashes.keys()].map((name, at) => [name, at]));
  const sources = [ofHashes(hashes)];
  for (const pack of folded) {
    // A file that another one has already is the same there.
    const own = pack.files.map((name) => (isLive(name) && !numbers.has(name) ? name : undefined));
    const numberOf = own.map((name) => (name === undefined ? -1 : numbers.set(name, numbers.size).size - 1));
    sources.push((part, action) =>
      pack.forEach(part, (hash, from) => {
        const number = numberOf[from] as number;
        if (number >= 0) action(hash, number);
      }),
    );
  }
  await writeParts(file, [...numbers.keys()], sources);
}

function ofHashes(hashes: HashesByFile): Source {
  const counts = new Uint32Array(PARTS + 1);
  for (const list of hashes.values()) {
    for (const hash of list)
      counts[Math.floor(hash / PART_HASHES) + 1] = (counts[Math.floor(hash / PART_HASHES) + 1] as number) + 1;
  }
  for (let part = 0; part < PARTS; part++) counts[part + 1] = (counts[part + 1] as number) + (counts[part] as number);
  const total = counts[PARTS] as number;
  const [hashOf, fileOf] = [new Float64Array(total), new Uint32Array(total)];
  const next = counts.slice();
  let file = 0;
  for (const list of hashes.values()) {
    for (const hash of list) {
      const part = Math.floor(hash / PART_HASHES);
      const place = next[part] as number;
      next[part] = place + 1;
      hashOf[place] = hash % PART_HASHES;
      fileOf[place] = file;
    }
    file += 1;
  }
  return async (part, action) => {
    const end = counts[part + 1] as number;
    for (let at = counts[part] as number; at < end; at++) action(hashOf[at] as number, fileOf[at] as number);
  };
}

/** The head is written last: its length is known from the start. */
async function writeParts(file: string, files: readonly string[], sources: readonly Source[]): Promise<void> {
  const layout = layoutOf(files.length);
  const bucketEnds = new Uint32Array(layout.bucketCount);
  const headBytes = encodeHead(files, bucketEnds).length;
  const handle = await open(file, 'wx');
  try {
    let [written, waitingWords] = [0, 0];
    let waiting: Uint32Array[] = [];
    for (let part = 0; part < PARTS; part++) {
      const entries = await sortedEntries(part, sources, layout);
      const words = toWords(entries, part, written + waitingWords, layout, bucketEnds);
      waiting.push(words);
      waitingWords += words.length;
      if (waitingWords < limits.wordsAtOnce && part + 1 < PARTS) continue;
      await writeFully(handle, waiting, headBytes + written * words.BYTES_PER_ELEMENT);
      written += waitingWords;
      [waiting, waitingWords] = [[], 0];
    }
    await handle.write(encodeHead(files, bucketEnds), 0, headBytes, 0);
  } finally {
    await handle.close();
  }
}

async function writeFully(handle: FileHandle, parts: readonly Uint32Array[], from: number): Promise<void> {
  const bytes = Buffer.concat(parts.map((words) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength)));
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
  }
}

/** Hash and file of each entry of a part as one number, in order, each once. */
async function sortedEntries(part: number, sources: readonly Source[], { fileScale }: Layout): Promise<Float64Array> {
  let entries = new Float64Array(1024);
  let count = 0;
  for (const source of sources) {
    await source(part, (hash, file) => {
      if (count === entries.length) {
        const grown = new Float64Array(2 * count);
        grown.set(entries);
        entries = grown;
      }
      entries[count++] = hash * fileScale + file;
    });
  }
  return withoutRepeats(entries.subarray(0, count).toSorted());
}

/** Each number once, in memory of its own. */
export function withoutRepeats(sorted: Float64Array): Float64Array {
  let kept = 0;
  for (const entry of sorted) if (kept === 0 || entry !== sorted[kept - 1]) sorted[kept++] = entry;
  return sorted.slice(0, kept);
}

function toWords(
  entries: Float64Array,
  part: number,
  before: number,
  { fileScale, bucketHashes }: Layout,
  bucketEnds: Uint32Array,
): Uint32Array {
  const words = new Uint32Array(entries.length);
  const bucketEntries = bucketHashes * fileScale;
  let place = 0;
  for (let bucket = 0; bucket < fileScale; bucket++) {
    const end = (bucket + 1) * bucketEntries;
    for (; place < entries.length && (entries[place] as number) < end; place++) {
      words[place] = (entries[place] as number) % bucketEntries;
    }
    bucketEnds[part * fileScale + bucket] = before + place;
  }
  return words;
}

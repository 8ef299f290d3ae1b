import { SluiceError } from '../base/errors.ts';
import type { ObjectStore } from '../storage/storage.ts';

/** Where a stream of Spark's ended: the ends of its last committed batch. */
export interface SparkCheckpoint {
  /** Number of that batch. */
  readonly batch: number;
  /** A later batch that was planned and not committed: its events may stand in the stream's table. */
  readonly begun: number | undefined;
  /** Hub → partition → next sequence number wanted. */
  readonly hubs: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** Files read of a checkpoint: the newest batch, and the one before it. */
const VERSION_MAX = 1;

/**
 * Reads a structured-streaming checkpoint folder: `offsets/N` holds the ends of batch N, written before it ran, and
 * `commits/N` is there once it did. Ends are exclusive: what stands there is the next number wanted. The connector's
 * offsets are `{"hub":{"0":12}}`; those of the Kafka source look the same, and the hub's Kafka endpoint counts by
 * sequence numbers too. Throws `adopt_refused` where it is no such folder, or no batch was committed.
 */
export async function readSparkCheckpoint(store: ObjectStore, signal: AbortSignal): Promise<SparkCheckpoint> {
  const [planned, committed] = await Promise.all([
    batches(store, 'offsets/', signal),
    batches(store, 'commits/', signal),
  ]);
  if (planned.length === 0) {
    throw refused(store, 'has no offsets/: give the checkpointLocation of a Spark stream, the folder above offsets/');
  }
  const batch = committed.at(-1);
  if (batch === undefined) {
    throw refused(store, 'has no committed batch (commits/ is empty): nothing was read, so there is nothing to adopt');
  }
  const data = await store.read(`offsets/${batch}`, signal);
  if (data === undefined) throw refused(store, `has commits/${batch} without offsets/${batch}: it was copied in part`);
  const begun = planned.findLast((number) => number > batch);
  return { batch, begun, hubs: hubsOf(new TextDecoder().decode(data), `offsets/${batch}`, store) };
}

/** Numbers of the files that are named by one, in order; checksums and temporary files are passed over. */
async function batches(store: ObjectStore, folder: string, signal: AbortSignal): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { path } of store.list(folder, signal)) {
    const name = path.slice(folder.length);
    if (/^\d{1,15}$/.test(name)) numbers.push(Number(name));
  }
  return numbers.toSorted((left, right) => left - right);
}

/** `v1`, a line of the query's own, then a line a source. */
function hubsOf(text: string, file: string, store: ObjectStore): SparkCheckpoint['hubs'] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const version = /^v(\d+)$/.exec(lines[0] ?? '')?.[1];
  if (version === undefined || Number(version) > VERSION_MAX) {
    throw refused(store, `has in ${file} the version ${JSON.stringify(lines[0] ?? '')}, where v1 is expected`);
  }
  const hubs = new Map<string, Map<string, number>>();
  // A source without an offset yet stands as a dash.
  for (const line of lines.slice(2).filter((each) => each !== '-')) {
    for (const [hub, partitions] of Object.entries(offsetsIn(line, file, store))) {
      const known = hubs.get(hub) ?? new Map<string, number>();
      hubs.set(hub, known);
      for (const [partition, next] of Object.entries(partitions)) known.set(partition, next);
    }
  }
  if (hubs.size === 0) throw refused(store, `names no hub in ${file}`);
  return hubs;
}

function offsetsIn(line: string, file: string, store: ObjectStore): Record<string, Record<string, number>> {
  const found = parsed(line);
  const sound =
    isRecord(found) &&
    Object.values(found).every(
      (partitions) =>
        isRecord(partitions) &&
        Object.entries(partitions).every(
          ([id, next]) => /^\d{1,5}$/.test(id) && Number.isSafeInteger(next) && Number(next) >= 0,
        ),
    );
  if (sound) return found as Record<string, Record<string, number>>;
  const what = `has in ${file} the offset ${line.slice(0, 200)}, where {"hub":{"0":12}} is expected`;
  throw refused(store, `${what}: only the Event Hubs and Kafka sources can be adopted`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(store: ObjectStore, what: string): SluiceError {
  return new SluiceError('adopt_refused', `the checkpoint ${store.url} ${what}`, {
    context: { checkpoint: store.url },
  });
}

import type { Clock } from '../../src/base/clock.ts';
import type { EventBatch, EventSource } from '../../src/eventhubs/eventhubs.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

/** What happens at a point: nothing more, or the process ends there. It may take its time: then others go on. */
export type PointAction = (point: string, count: number) => 'kill' | undefined | Promise<'kill' | undefined>;

/** No run here passes so many: one that does goes round in a circle. */
const POINTS_MAX = 6_000;

/**
 * The crash points of one run, named by its effects: `bronze: after put-if-absent of log entry of bronze/calls`.
 * Before every call to the lake or a hub and after it there is one, so a new effect has its points without a word in
 * the engine. A kill is an abort after which no call takes effect any more, whatever the code still tries.
 */
export class CrashPoints {
  stage: string;
  /** In the order passed. */
  readonly passed: string[] = [];
  killedAt: string | undefined;
  /** Who uploaded which object. */
  readonly uploads: string[] = [];
  /** Calls that changed something. */
  changes = 0;
  readonly #end = new AbortController();
  readonly #action: PointAction;

  constructor(stage: string, action: PointAction = () => undefined) {
    this.stage = stage;
    this.#action = action;
  }

  /** The end of the process: aborted by a kill. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  async around<T>(call: string, action: () => Promise<T>): Promise<T> {
    await this.pass(`before ${call}`);
    const result = await action();
    await this.pass(`after ${call}`);
    return result;
  }

  async pass(place: string): Promise<void> {
    this.#end.signal.throwIfAborted();
    const point = `${this.stage}: ${place}`;
    if (this.passed.length >= POINTS_MAX) throw new Error(`a run without end: it is still at "${point}"`);
    this.passed.push(point);
    const action = this.#action(point, this.passed.length);
    // At once where it can be: nothing else of the process comes in between.
    if ((action instanceof Promise ? await action : action) === 'kill' && this.killedAt === undefined) {
      this.killedAt = point;
      this.#end.abort();
    }
    this.#end.signal.throwIfAborted();
  }
}

/** The lake as a process with these points sees it. */
export function storeWithPoints(inner: ObjectStore, points: CrashPoints): ObjectStore {
  const around = <T>(call: string, path: string, action: () => Promise<T>): Promise<T> =>
    points.around(`${call} of ${objectName(path)}`, action);
  const changing = <T>(call: string, path: string, action: () => Promise<T>): Promise<T> =>
    around(call, path, () => {
      points.changes++;
      return action();
    });
  return {
    url: inner.url,
    localPath: (path) => inner.localPath(path),
    read: (path, signal) => around('read', path, () => inner.read(path, signal)),
    download: (path, file, signal) => around('download', path, () => inner.download(path, file, signal)),
    put: (path, data, signal, metadata) => changing('put', path, () => inner.put(path, data, signal, metadata)),
    putIfAbsent: (path, data, signal) => changing('put-if-absent', path, () => inner.putIfAbsent(path, data, signal)),
    delete: (path, signal) => changing('delete', path, () => inner.delete(path, signal)),
    upload: (path, file, signal) =>
      changing('upload', path, () => {
        points.uploads.push(path);
        return inner.upload(path, file, signal);
      }),
    async *list(prefix, signal, options) {
      await points.pass(`before list of ${objectName(prefix)}`);
      yield* inner.list(prefix, signal, options);
      await points.pass(`after list of ${objectName(prefix)}`);
    },
  };
}

/** The hub as a process with these points sees it. `enqueuedAtUs`: when an event arrived, where that matters. */
export function sourceWithPoints(
  inner: EventSource,
  points: CrashPoints,
  enqueuedAtUs?: (partitionId: string, sequenceNumber: number) => bigint,
): EventSource {
  const { hub } = inner;
  return {
    namespace: inner.namespace,
    hub,
    hubProperties: (signal) => points.around(`properties of hub ${hub}`, () => inner.hubProperties(signal)),
    partitionProperties: (id, signal) =>
      points.around(`partition properties of hub ${hub}`, () => inner.partitionProperties(id, signal)),
    async *receive(request, signal) {
      await points.pass(`before receive of hub ${hub}`);
      for await (const batch of inner.receive(request, signal)) {
        await points.pass(`after receive of hub ${hub}`);
        yield enqueuedAtUs === undefined ? batch : enqueuedAt(batch, enqueuedAtUs);
      }
      await points.pass(`at end of range of hub ${hub}`);
    },
    close: () => inner.close(),
  };
}

/** Time of a simulated process: every look is a millisecond later, and short waits take none. */
export function simulatedClock(startMs: number): Clock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs++,
    async sleep(durationMs, signal) {
      signal.throwIfAborted();
      // A renewal of the lease: no run here lasts so long.
      if (durationMs >= LONG_WAIT_MS) await aborted(signal);
      nowMs += durationMs;
    },
  };
}

const LONG_WAIT_MS = 10_000;

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function enqueuedAt(batch: EventBatch, timeOf: (partitionId: string, sequenceNumber: number) => bigint): EventBatch {
  const times = batch.sequenceNumbers.map((number) => timeOf(batch.partitionId, Number(number)));
  return { ...batch, enqueuedAtUs: times };
}

/** What an object is, without what differs from run to run. */
function objectName(path: string): string {
  const table = path.slice(0, Math.max(0, path.search(/\/_delta_log(\/|$)/)));
  if (/_delta_log\/\d{20}\.json$/.test(path)) return `log entry of ${table}`;
  if (/_delta_log\/\d{20}\.checkpoint\.parquet$/.test(path)) return `log checkpoint of ${table}`;
  if (path.endsWith('_delta_log/_last_checkpoint')) return `checkpoint pointer of ${table}`;
  if (table !== '') return `log of ${table}`;
  if (path.includes('/checkpoint/')) return `checkpoint of hub ${path.split('/').at(-4)}`.replace(/ $/, '');
  if (path.startsWith('_sluice/lease/')) return 'lease';
  if (path.startsWith('_sluice/reports/')) return `report ${path.split('.').at(-1)}`;
  const keys = /^_sluice\/keys\/(\w+)\/([\w+]+)-/.exec(path);
  if (keys !== null) return `key packs of ${keys[1]} by ${keys[2]}`;
  const data = /^((?:bronze|silver|gold|_sluice)\/\w+)\/.*\.parquet$/.exec(path);
  return data === null ? path : `data file of ${data[1]}`;
}

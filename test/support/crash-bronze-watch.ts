import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import type { BronzeOutcome } from '../../src/bronze/bronze.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import type { SimulatedEventSource } from './simulated-event-source.ts';

const never = new AbortController().signal;

interface Action {
  readonly commitInfo?: { readonly operationParameters?: { readonly runId?: string } };
  readonly txn?: { readonly appId: string; readonly version: number };
  readonly add?: { readonly path: string };
  readonly remove?: { readonly path: string };
}

export interface BronzeRow {
  readonly partition: number;
  readonly number: number;
  readonly body: string | null;
  readonly base64: string | null;
  readonly runId: string;
  /** Version of the table that brought it. */
  readonly version: number;
}

interface GapRow {
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly runId: string;
}

/**
 * Looks at a bronze table and its gaps from outside, by the log and the files alone, and holds them to the invariants
 * at any moment: also at that of a crash, before anybody has recovered from it. Throws an error that names the first
 * one broken. Files are read once: they never change.
 */
export class BronzeWatch {
  readonly rows: BronzeRow[] = [];
  readonly gaps: GapRow[] = [];
  /** Next number wanted as committed, by partition. */
  readonly committed = new Map<number, number>();
  readonly #begins = new Map<number, number>();
  readonly #store: ObjectStore;
  readonly #dataset: string;
  readonly #hub: SimulatedEventSource;
  readonly #table: Tail;
  readonly #gapsTable: Tail;
  #retained: number[];

  constructor(store: ObjectStore, dataset: string, hub: SimulatedEventSource) {
    this.#store = store;
    this.#dataset = dataset;
    this.#hub = hub;
    this.#table = new Tail(store, `bronze/${dataset}`);
    this.#gapsTable = new Tail(store, '_sluice/gaps');
    this.#retained = hub.partitions.map(() => 0);
  }

  /** `uploadedBy`: path of an object → the run that uploaded it. */
  async look(uploadedBy: ReadonlyMap<string, string>): Promise<void> {
    // Data before gaps: what is committed now has its gaps already.
    for (const entry of await this.#table.next(uploadedBy)) this.#takeData(entry);
    for (const { runId, rows } of await this.#gapsTable.next(uploadedBy)) this.#takeGaps(rows, runId);
    for (const [partition, { events, firstRetained }] of this.#hub.partitions.entries()) {
      this.#cover(partition, events, firstRetained);
    }
    this.#retained = this.#hub.partitions.map(({ firstRetained }) => firstRetained);
    await this.#checkpoints();
  }

  /** What a run that came to its end says, against what it left. */
  receipt(outcome: BronzeOutcome, runId: string): void {
    for (const { partitionId, rows, gapRows } of outcome.partitions) {
      const own = this.rows.filter((row) => row.runId === runId && row.partition === Number(partitionId)).length;
      const lost = this.gaps
        .filter((gap) => gap.runId === runId && gap.partition === Number(partitionId))
        .reduce((sum, { first, last }) => sum + last - first + 1, 0);
      hold(own === rows, `[I6] receipt: partition ${partitionId} has ${own} rows of the run, the receipt ${rows}`);
      hold(lost === gapRows, `[I6] receipt: partition ${partitionId} lost ${lost}, the receipt says ${gapRows}`);
    }
  }

  #takeData({ version, runId, transactions, rows }: Entry): void {
    const before = new Map(this.committed);
    for (const [appId, next] of transactions) {
      const partition = /^sluice\/bronze\/\w+\/\d+\/(\d+)$/.exec(appId)?.[1];
      if (partition !== undefined) this.committed.set(Number(partition), next);
    }
    for (const row of rows) {
      const partition = Number(row['partition_id']);
      const number = Number(row['sequence_number']);
      const place = `partition ${partition}, event ${number}, version ${version}`;
      const last = this.rows.findLast((other) => other.partition === partition)?.number ?? -1;
      hold(number !== last, `[I2] no double: ${place} is there twice`);
      hold(number > last, `[I3] order: ${place} comes after ${last}`);
      hold(number >= (before.get(partition) ?? 0), `[I2] no double: ${place} was committed before`);
      hold(number < (this.committed.get(partition) ?? 0), `[I1] cursor: ${place} is not below the next number wanted`);
      const [body, base64] = [row['body'] ?? null, row['body_base64'] ?? null] as [string | null, string | null];
      this.rows.push({ partition, number, body, base64, runId, version });
      // The reader of these tests drops a byte-order mark from the head of a text.
      const sent = withoutMark(Buffer.from(this.#hub.partition(partition).events[number] ?? ''));
      const found = body === null ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(body);
      hold(sent.equals(found), `[I1] body: ${place} is not what was sent`);
    }
  }

  #takeGaps(rows: readonly Record<string, unknown>[], runId: string): void {
    for (const row of rows) {
      if (row['dataset'] !== this.#dataset) continue;
      const partition = Number(row['partition_id']);
      const [first, last] = [Number(row['first_sequence_number']), Number(row['last_sequence_number'])];
      hold(first <= last, `[I4] gap: partition ${partition} lost ${first} to ${last}`);
      this.gaps.push({ partition, first, last, runId });
    }
  }

  /** Rows and gaps are the whole of what was committed, each number once. */
  #cover(partition: number, events: readonly unknown[], firstRetained: number): void {
    const next = this.committed.get(partition);
    const numbers = this.rows.filter((row) => row.partition === partition).map(({ number }) => number);
    for (const gap of this.gaps) {
      if (gap.partition !== partition) continue;
      for (let n = gap.first; n <= gap.last; n++) numbers.push(n);
    }
    numbers.sort((a, b) => a - b);
    if (next === undefined) return hold(numbers.length === 0, `[I1] cursor: partition ${partition} has rows without`);
    hold(next <= events.length, `[I1] cursor: partition ${partition} wants ${next}, the hub has ${events.length}`);
    const begin = this.#begins.get(partition) ?? numbers[0] ?? next;
    if (!this.#begins.has(partition)) {
      const [earliest, latest] = [this.#retained[partition] ?? 0, firstRetained];
      const fits = begin >= earliest && begin <= latest;
      hold(fits, `[I1] begin: partition ${partition} begins at ${begin}, retained was ${earliest} to ${latest}`);
      this.#begins.set(partition, begin);
    }
    for (const [index, number] of numbers.entries()) {
      const expected = begin + index;
      hold(number >= expected, `[I2] no double: partition ${partition}, event ${number} is there twice`);
      hold(number === expected, `[I1] no hole: partition ${partition} lacks event ${expected} and has ${number}`);
    }
    const end = begin + numbers.length;
    // Beyond the next number wanted there may be a gap found by a run that died before its next commit, and no row.
    hold(end >= next, `[I1] no hole: partition ${partition} ends at ${end}, committed is ${next}`);
  }

  async #checkpoints(): Promise<void> {
    for await (const { path, metadata } of this.#store.list('', never, { metadata: true })) {
      const partition = new RegExp(`/${this.#hub.hub}/[^/]+/checkpoint/(\\d+)$`).exec(path)?.[1];
      if (partition === undefined) continue;
      const done = (this.committed.get(Number(partition)) ?? 0) - 1;
      const said = Number(metadata?.['sequencenumber']);
      hold(said <= done, `[I5] checkpoint: partition ${partition} says ${said}, the table has ${done}`);
    }
  }
}

interface Entry {
  readonly version: number;
  readonly runId: string;
  readonly transactions: ReadonlyMap<string, number>;
  /** Of the files added, in their order. */
  readonly rows: readonly Record<string, unknown>[];
}

/** The log of a table from where it was last looked at. */
class Tail {
  readonly #store: ObjectStore;
  readonly #root: string;
  #version = 0;
  #fence = 0;

  constructor(store: ObjectStore, root: string) {
    this.#store = store;
    this.#root = root;
  }

  async next(uploadedBy: ReadonlyMap<string, string>): Promise<Entry[]> {
    const found: Entry[] = [];
    for (;;) {
      const name = `${this.#root}/_delta_log/${String(this.#version).padStart(20, '0')}.json`;
      const data = await this.#store.read(name, never);
      if (data === undefined) return found;
      const text = Buffer.from(data).toString('utf8').trim();
      const actions = text.split('\n').map((line) => JSON.parse(line) as Action);
      found.push(await this.#entry(actions, uploadedBy));
      this.#version++;
    }
  }

  async #entry(actions: readonly Action[], uploadedBy: ReadonlyMap<string, string>): Promise<Entry> {
    const runId = actions.find(({ commitInfo }) => commitInfo)?.commitInfo?.operationParameters?.runId ?? '';
    const transactions = new Map(actions.flatMap(({ txn }) => (txn ? [[txn.appId, txn.version] as const] : [])));
    const fence = transactions.get('sluice/fence') ?? this.#fence;
    hold(fence >= this.#fence, `[I14] fence: ${this.#root} has ${fence} after ${this.#fence}, by ${runId}`);
    this.#fence = fence;
    const rows: Record<string, unknown>[] = [];
    for (const { add } of actions) {
      if (add === undefined) continue;
      const path = `${this.#root}/${decodeURIComponent(add.path)}`;
      const owner = uploadedBy.get(path);
      hold(owner === runId, `[I9] ${path} was uploaded by ${owner}, and ${runId} refers to it`);
      rows.push(...(await readRows(this.#store, path)));
    }
    return { version: this.#version, runId, transactions, rows };
  }
}

async function readRows(store: ObjectStore, path: string): Promise<Record<string, unknown>[]> {
  const data = await store.read(path, never);
  if (data === undefined) throw new Error(`[I9] ${path} is referred to and not there`);
  const file = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
  return parquetReadObjects({ file, compressors: { ZSTD: (input) => zstdDecompressSync(input) } });
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(MARK) ? bytes.subarray(3) : bytes;
}

const MARK = Buffer.from('\uFEFF');

export function hold(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

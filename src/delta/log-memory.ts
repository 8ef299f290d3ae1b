import { MiB } from '../base/limits.ts';
import type { ObjectStore } from '../storage/storage.ts';
import type { TableLocation } from './delta.ts';
import type { Action } from './log-entry.ts';

const limits = {
  /** Of a checkpoint. A table with more would be held twice. */
  actionsMax: 20_000,
  /** Of a table's entries, as they are stored. */
  entryBytesMax: 8 * MiB,
} as const;

/**
 * A checkpoint's files, or an entry. `written`: what the listing says of it, its size and time; of an entry that this
 * process has put where none was, until it is listed: its size.
 */
interface Known {
  readonly written: string;
  readonly actions: readonly Action[];
}

/**
 * What this process has read of a table's log. A run opens a table again and again, and in a lake far away each look at
 * an object takes its time and its price. Files of a log never change; one that stands in the place of another is told
 * from it by its size and time, and of a table that was made anew nothing is known.
 */
export class LogMemory {
  /** The version of the newest checkpoint that was met, 0: there was none. From there on the log is listed first. */
  listedFrom: number | undefined;
  #tableId: string | undefined;
  #checkpoint: Known | undefined;
  readonly #entries = new Map<number, Known>();
  #entryBytes = 0;

  /** Whether what is kept may be of the table with this id: else it is forgotten. */
  isOf(tableId: string | undefined): boolean {
    const isSame = this.#tableId === undefined || this.#tableId === tableId;
    if (!isSame) {
      this.listedFrom = undefined;
      this.#checkpoint = undefined;
      this.#forgetEntries();
    }
    this.#tableId = tableId;
    return isSame;
  }

  checkpoint(written: string): readonly Action[] | undefined {
    return this.#checkpoint?.written === written ? this.#checkpoint.actions : undefined;
  }

  keepCheckpoint(written: string, actions: readonly Action[] | undefined): void {
    const isKept = actions !== undefined && actions.length <= limits.actionsMax;
    this.#checkpoint = isKept ? { written, actions } : undefined;
  }

  /** `written` undefined: of whatever the last listing showed. */
  entry(version: number, written: string | undefined): readonly Action[] | undefined {
    const known = this.#entries.get(version);
    if (written === undefined || known === undefined || known.written === written) return known?.actions;
    const isOwn = written.startsWith(`${known.written} `);
    if (isOwn) this.keepEntry(version, written, known.actions);
    return isOwn ? known.actions : undefined;
  }

  keepEntry(version: number, written: string, actions: readonly Action[]): void {
    this.#entryBytes += bytesOf(written) - bytesOf(this.#entries.get(version)?.written);
    this.#entries.set(version, { written, actions });
    if (this.#entryBytes > limits.entryBytesMax) this.#forgetEntries();
  }

  #forgetEntries(): void {
    this.#entries.clear();
    this.#entryBytes = 0;
  }
}

function bytesOf(written = '0'): number {
  return Number.parseInt(written, 10);
}

const memories = new WeakMap<ObjectStore, Map<string, LogMemory>>();

/** That of the table as this store shows it. */
export function memoryOf({ store, root }: TableLocation): LogMemory {
  const tables = memories.get(store) ?? new Map<string, LogMemory>();
  memories.set(store, tables);
  const memory = tables.get(root) ?? new LogMemory();
  tables.set(root, memory);
  return memory;
}

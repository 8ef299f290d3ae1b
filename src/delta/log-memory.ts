import type { ObjectStore } from '../storage/storage.ts';
import type { TableLocation } from './delta.ts';
import type { Action } from './log-entry.ts';

const limits = {
  /** Of one table, of entries and of its checkpoint each. A table with more would be held twice. */
  actionsMax: 20_000,
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
 * an object takes its time and its price. Files of a log never change; one that stands in the place of another, as
 * after a table was made anew, is told from it by its size and time.
 */
export class LogMemory {
  /** The version of the newest checkpoint that was met, 0: there was none. From there on the log is listed first. */
  listedFrom: number | undefined;
  #checkpoint: Known | undefined;
  readonly #entries = new Map<number, Known>();
  #entryActions = 0;

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
    this.#entryActions += actions.length - (this.#entries.get(version)?.actions.length ?? 0);
    this.#entries.set(version, { written, actions });
    if (this.#entryActions <= limits.actionsMax) return;
    this.#entries.clear();
    this.#entryActions = 0;
  }
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

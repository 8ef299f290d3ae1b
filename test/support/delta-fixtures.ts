import { randomUUID } from 'node:crypto';
import type { TableContract } from '../../schemas/contract.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { CommitContext, DataFile, Snapshot, TableLocation } from '../../src/delta/delta.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';

export const signal = new AbortController().signal;

/** A small table by day: enough columns to meet each kind. */
export const contract: TableContract = {
  columns: [
    { name: 'id', type: 'long' },
    { name: 'label', type: 'string' },
    { name: 'day', type: 'date' },
  ],
  partitionColumns: ['day'],
};

export const context: CommitContext = {
  clock: { nowMs: systemClock.nowMs, sleep: (_, waiting) => systemClock.sleep(1, waiting) },
  runId: 'run-1',
};

/** A data file by its name alone: enough for everything that reads only the log. */
export function fileNamed(name: string, day: string | null = '2026-01-05'): DataFile {
  const directory = day ?? '__HIVE_DEFAULT_PARTITION__';
  return {
    path: `day=${directory}/${name}.parquet`,
    partitionValues: { day },
    sizeBytes: 10,
    modifiedAtMs: 1_767_571_200_000,
    statistics: '{"numRecords":1}',
  };
}

export function newFile(day?: string): DataFile {
  return fileNamed(`part-${randomUUID()}`, day);
}

export function paths(snapshot: Snapshot | undefined): string[] {
  return [...(snapshot?.files.keys() ?? [])].toSorted();
}

/** The text of a log entry, a line an action. */
export async function entryText(location: TableLocation, version: number): Promise<string> {
  const path = `${location.root}/_delta_log/${String(version).padStart(20, '0')}.json`;
  return new TextDecoder().decode(await location.store.read(path, signal));
}

export async function putText(store: ObjectStore, path: string, text: string): Promise<void> {
  await store.put(path, new TextEncoder().encode(text), signal);
}

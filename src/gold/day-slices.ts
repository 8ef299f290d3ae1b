import { MiB } from '../base/limits.ts';
import type { DataFile } from '../delta/delta.ts';

const limits = {
  /** Some half a million legs at 27,000 a day. */
  daysMax: 14,
  /** Compressed, of the files that are cut into days; a single day aside. */
  bytesMax: 32 * MiB,
} as const;

const DAY_MS = 86_400_000;

/** Days in groups that one query takes, in order: bounded by their number and by the bytes of their files. */
export function daySlices(
  days: readonly string[],
  bytesOf: (day: string) => number,
  daysMax: number = limits.daysMax,
): string[][] {
  const slices: string[][] = [];
  let bytes = 0;
  for (const day of days) {
    const open = slices.at(-1);
    bytes += bytesOf(day);
    if (open === undefined || open.length >= daysMax || bytes > limits.bytesMax) {
      slices.push([day]);
      bytes = bytesOf(day);
    } else open.push(day);
  }
  return slices;
}

/** What files of so many bytes take of the memory that one group of days may take. */
export function shareOfSlice(files: Iterable<DataFile>): number {
  let bytes = 0;
  for (const { sizeBytes } of files) bytes += sizeBytes;
  return bytes / limits.bytesMax;
}

/** Bytes of the files of each partition value. */
export function bytesByDay(files: Iterable<DataFile>, column: string): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const { partitionValues, sizeBytes } of files) {
    const day = partitionValues[column] ?? '';
    bytes.set(day, (bytes.get(day) ?? 0) + sizeBytes);
  }
  return bytes;
}

/** The days, each with so many before and after it. */
export function daysAround(
  days: Iterable<string>,
  { before = 0, ahead = 0 }: { readonly before?: number; readonly ahead?: number },
): Set<string> {
  const around = new Set<string>();
  for (const day of days) {
    for (let offset = -before; offset <= ahead; offset++) {
      around.add(new Date(Date.parse(day) + offset * DAY_MS).toISOString().slice(0, 10));
    }
  }
  return around;
}

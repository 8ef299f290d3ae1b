import { randomUUID } from 'node:crypto';
import type { TableContract } from '../../schemas/contract.ts';

export type PartitionValues = Readonly<Record<string, string | null>>;

/** The directory that Hive gives to a null value. */
const NULL_DIRECTORY = '__HIVE_DEFAULT_PARTITION__';

/** Characters that Hive escapes in a directory's name, as Spark does. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const ESCAPED = /[\u0001-\u001f"#%'*/:=?\\\u007f{[\]^]/g;

/** A new data file's object path below the table's root: `day=2026-01-05/part-<uuid>.parquet`. */
export function newFilePath(contract: TableContract, values: PartitionValues): string {
  const directories = contract.partitionColumns.map((column) => {
    const value = values[column] ?? null;
    return `${escaped(column)}=${value === null || value === '' ? NULL_DIRECTORY : escaped(value)}/`;
  });
  return `${directories.join('')}part-${randomUUID()}.parquet`;
}

/** How the log writes an object path: percent-encoded once, on top of what Hive escaped. */
export function encodedPath(path: string): string {
  return encodeURI(path).replaceAll(/[?#]/g, encodeURIComponent);
}

function escaped(text: string): string {
  return text.replaceAll(
    ESCAPED,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

import type { ObjectInfo } from '../storage/storage.ts';
import type { TableLocation } from './delta.ts';

const DIGITS = 20;

/** `<root>/_delta_log/`. */
export function logFolder(location: TableLocation): string {
  return `${location.root}/_delta_log/`;
}

export function entryPath(location: TableLocation, version: number): string {
  return `${logFolder(location)}${padded(version)}.json`;
}

export function checkpointPath(location: TableLocation, version: number): string {
  return `${logFolder(location)}${padded(version)}.checkpoint.parquet`;
}

export function lastCheckpointPath(location: TableLocation): string {
  return `${logFolder(location)}_last_checkpoint`;
}

/** A name that sorts before every file of the version and after every file of those before it. */
export function beforeVersion(location: TableLocation, version: number): string {
  return `${logFolder(location)}${padded(version)}`;
}

export type LogFile =
  | {
      readonly kind: 'entry';
      readonly version: number;
      readonly path: string;
      /** Size and time: another file of this name has others. */
      readonly written: string;
    }
  | {
      readonly kind: 'checkpoint';
      readonly version: number;
      readonly path: string;
      readonly part: number;
      readonly parts: number;
      readonly written: string;
    };

/** All files of a checkpoint. */
export interface CompleteCheckpoint {
  readonly version: number;
  readonly paths: readonly string[];
  readonly written: readonly string[];
}

const ENTRY = /^(\d{20})\.json$/;
const CHECKPOINT = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet$/;

/** What a file of the log is; undefined for what Sluice doesn't read: checksums, compacted entries, placeholders. */
export function parseLogFile(
  location: TableLocation,
  { path, sizeBytes, modifiedAtMs }: ObjectInfo,
): LogFile | undefined {
  const name = path.slice(logFolder(location).length);
  const entry = ENTRY.exec(name);
  const written = `${sizeBytes} ${modifiedAtMs}`;
  if (entry !== null) return { kind: 'entry', version: Number(entry[1]), path, written };
  const checkpoint = CHECKPOINT.exec(name);
  if (checkpoint === null) return undefined;
  const [, version, part = '1', parts = '1'] = checkpoint;
  return { kind: 'checkpoint', version: Number(version), path, part: Number(part), parts: Number(parts), written };
}

function padded(version: number): string {
  return String(version).padStart(DIGITS, '0');
}

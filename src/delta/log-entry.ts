import { SluiceError } from '../base/errors.ts';

/** What a log entry's lines say, as far as Sluice reads and writes them. Unknown members are left alone. */
export interface ProtocolAction {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

export interface MetadataAction {
  readonly id: string;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
}

export interface AddAction {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  readonly stats?: string | null;
}

export interface RemoveAction {
  readonly path: string;
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: Readonly<Record<string, string | null>> | null;
  readonly size?: number | null;
}

export interface TransactionAction {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
}

/** Free form by the protocol; `txnId` is a random token by which a writer knows its own entry. */
export interface CommitInfo {
  readonly txnId?: string;
  readonly [name: string]: unknown;
}

/** One line of a log entry: exactly one member is there. */
export interface Action {
  readonly commitInfo?: CommitInfo;
  readonly protocol?: ProtocolAction;
  readonly metaData?: MetadataAction;
  readonly txn?: TransactionAction;
  readonly add?: AddAction;
  readonly remove?: RemoveAction;
}

/** The bytes of an entry: UTF-8, an action a line. */
export function encodeEntry(actions: readonly Action[]): Uint8Array {
  return new TextEncoder().encode(actions.map((action) => `${JSON.stringify(action)}\n`).join(''));
}

/** The actions of an entry. Throws `table_corrupt` that names it. */
export function decodeEntry(data: Uint8Array, path: string): Action[] {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    const actions = linesOf(text).map((line) => JSON.parse(line) as Action);
    if (actions.length === 0) throw new Error('it is empty');
    return actions;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `the log entry ${path} cannot be read: ${reason}`;
    throw new SluiceError('table_corrupt', message, { context: { path }, cause });
  }
}

/**
 * True where the bytes can be the beginning of an entry whose end never came: whole lines, then one that is cut, or
 * nothing, or the zeros that a file system leaves where it lost the data.
 */
export function isCutOff(data: Uint8Array): boolean {
  const text = new TextDecoder('utf-8').decode(data).replace(/\0+$/, '');
  const lines = linesOf(text);
  if (lines.length === 0) return true;
  return lines.slice(0, -1).every(isAction) && !isAction(lines.at(-1) ?? '') && !text.endsWith('\n');
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function isAction(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

import type { Action } from './log-entry.ts';

/** The structs of a checkpoint that Sluice reads, and of each the members: the first one proves that it is there. */
export const STRUCTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['protocol', ['minReaderVersion', 'minWriterVersion', 'readerFeatures', 'writerFeatures']],
  [
    'metaData',
    ['id', 'name', 'description', 'format', 'schemaString', 'partitionColumns', 'configuration', 'createdTime'],
  ],
  ['txn', ['appId', 'version', 'lastUpdated']],
  ['add', ['path', 'partitionValues', 'size', 'modificationTime', 'dataChange', 'stats']],
  ['remove', ['path', 'deletionTimestamp', 'dataChange', 'extendedFileMetadata', 'partitionValues', 'size']],
]);

/** Maps and lists that are absent are empty ones. */
export function completed(action: Action): Action {
  const { metaData, add } = action;
  if (metaData !== undefined) return { metaData: { ...EMPTY_METADATA, ...metaData } };
  return add === undefined ? action : { add: { ...EMPTY_ADD, ...add } };
}

const EMPTY_METADATA = { partitionColumns: [], configuration: {} } as const;
const EMPTY_ADD = { partitionValues: {} } as const;

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects, parquetSchema, type Compressors } from 'hyparquet';
import { readMetadata, unsnappy } from '../parquet/parquet.ts';
import { completed, STRUCTS } from './checkpoint-members.ts';
import type { Action } from './log-entry.ts';

/** Read without DuckDB, so that a run with nothing new need not load it. */
const COMPRESSORS: Compressors = {
  SNAPPY: (input, rawBytes) => unsnappy(input, rawBytes),
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
};

/**
 * From whole rows, whatever their form. Throws where that is no Parquet file with such structs. For a footer that
 * `decodeLeaves` has found sound: hyparquet takes memory for as many rows as it names, and where a chunk is of no
 * column it leaves the promises of those that it has begun to read, which ends the process if one fails.
 */
export async function decodeRows(file: ArrayBuffer): Promise<Action[]> {
  const metadata = readMetadata(file);
  const schema = parquetSchema(metadata);
  const columns = schema.children.map(({ element }) => element.name).filter((name) => STRUCTS.has(name));
  const rows = await parquetReadObjects({ file, metadata, columns, compressors: COMPRESSORS });
  return rows.map((row) => completed(actionOf(row)));
}

/** Some readers give null structs as structs of nulls. */
function actionOf(row: Record<string, unknown>): Action {
  for (const [name, [proof = '']] of STRUCTS) {
    const struct = row[name] as Record<string, unknown> | null | undefined;
    if (struct?.[proof] === null || struct?.[proof] === undefined) continue;
    return { [name]: withoutNulls(struct) } as Action;
  }
  return {};
}

/** Numbers of the log are below 2^53. Null values of maps (a null partition) stay. */
function withoutNulls(struct: Record<string, unknown>): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  // A table has thousands of these: no arrays of entries between.
  for (const name in struct) {
    const value = struct[name];
    if (value !== null && value !== undefined) members[name] = typeof value === 'bigint' ? Number(value) : value;
  }
  return members;
}

import { rm } from 'node:fs/promises';
import type { Column } from '../../schemas/contract.ts';
import { filled, quoted } from '../base/identifiers.ts';
import { sqlFile, type Database } from '../duckdb/duckdb.ts';
import { openParquetFile, type ParquetType, type StoredColumn, type StoredFile } from '../parquet/parquet.ts';
import type { Scratch } from '../storage/scratch.ts';
import { hashRows } from './key-hash.ts';

const plainKeysSql = sqlFile(new URL('statements/plain-keys.sql', import.meta.url));

/** Types that are read straight from a file's pages; others become a text or a number first. */
const READ_AS_THEY_ARE: ReadonlySet<string> = new Set<ParquetType>(['string', 'long', 'integer', 'timestamp']);

/** The hashes of a local file's keys, those in a row that are the same once; undefined where SQL has to read it. */
export async function hashesOfFile(
  file: string,
  columns: readonly Column[],
  signal?: AbortSignal,
): Promise<Float64Array | undefined> {
  if (!columns.every(({ type }) => READ_AS_THEY_ARE.has(type))) return undefined;
  const stored = await openParquetFile(file, columns as readonly StoredColumn[]);
  if (stored === undefined) return undefined;
  try {
    return await hashesOf(stored, signal);
  } finally {
    await stored.close();
  }
}

/** The same of a relation, by way of a file. `from` is SQL: what stands behind FROM. */
export async function hashesOfRelation(
  database: Database,
  from: { readonly sql: string; readonly parameters?: Readonly<Record<string, string>> },
  columns: readonly Column[],
  scratch: Scratch,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const file = scratch.newFile('.parquet');
  const plain = columns.map(({ name, type }): StoredColumn & { readonly sql: string } => {
    const [sql, plainType] = plainKey(quoted(name), type);
    return { name, type: plainType, sql: `${sql} AS ${quoted(name)}` };
  });
  try {
    const sql = filled(plainKeysSql, { columns: plain.map((column) => column.sql).join(', '), from: from.sql });
    await database.run(sql, { ...from.parameters, target: file }, signal);
    const hashes = await hashesOfFile(file, plain, signal);
    if (hashes === undefined) throw new RangeError('DuckDB wrote plain keys in another form');
    return hashes;
  } finally {
    await rm(file, { force: true });
  }
}

/** What is hashed of a column: SQL, and its type. The same as of a file whose column is read as it is. */
function plainKey(column: string, type: Column['type']): [string, ParquetType] {
  if (type === 'timestamp') return [`epoch_us(${column})`, 'long'];
  if (type === 'date') return [`(${column} - DATE '1970-01-01')::BIGINT`, 'long'];
  if (type === 'long' || type === 'integer' || type === 'boolean') return [`${column}::BIGINT`, 'long'];
  return [`${column}::VARCHAR`, 'string'];
}

async function hashesOf(stored: StoredFile, signal: AbortSignal | undefined): Promise<Float64Array> {
  let hashes = new Float64Array(1024);
  let used = 0;
  for await (const { count, columns } of stored.rows()) {
    signal?.throwIfAborted();
    if (used + count > hashes.length) {
      const grown = new Float64Array(Math.max(2 * hashes.length, used + count));
      grown.set(hashes.subarray(0, used));
      hashes = grown;
    }
    const end = hashRows(columns, count, hashes, used);
    let last = used === 0 ? -1 : (hashes[used - 1] as number);
    for (let at = used; at < end; at++) {
      const hash = hashes[at] as number;
      if (hash !== last) hashes[used++] = last = hash;
    }
  }
  return hashes.slice(0, used);
}

import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { byteColumnOf } from '../src/base/byte-column.ts';
import type { ByteColumn } from '../src/base/byte-column.ts';
import { legBody, randomNumbers } from './bodies.ts';

// Writes the same bronze rows with one of three writers and tells what that cost.
// node bench/write-parquet.ts own|duckdb|parquetjs ROWS FILE
const [writer = '', count = '0', file = ''] = process.argv.slice(2);
const rows = Number(count);
const random = randomNumbers(7);
const bodies = Array.from({ length: rows }, () => Buffer.from(legBody(random)));
const enqueuedAtMs = Date.UTC(2026, 0, 5);

const WRITERS: Readonly<Record<string, () => Promise<void>>> = {
  own: writeWithOurs,
  duckdb: writeWithDuckDB,
  parquetjs: writeWithParquetjs,
};
const write = WRITERS[writer];
if (write === undefined) throw new Error(`no writer ${writer}`);

const cpuBefore = process.cpuUsage();
const started = performance.now();
await write();
const wallSeconds = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
const result = { wallSeconds, cpuSeconds, bytes: statSync(file).size, rows: await countRows() };
process.stdout.write(`${JSON.stringify(result)}\n`);

interface Columns {
  readonly sequenceNumbers: BigInt64Array;
  readonly enqueuedAtUs: BigInt64Array;
  readonly body: ByteColumn;
}

/** The rows as a receiver hands them on. */
function columns(): Columns {
  const sequenceNumbers = BigInt64Array.from(bodies.keys(), BigInt);
  const enqueuedAtUs = sequenceNumbers.map((number) => (BigInt(enqueuedAtMs) + number) * 1000n);
  return { sequenceNumbers, enqueuedAtUs, body: byteColumnOf(bodies) };
}

async function writeWithOurs(): Promise<void> {
  const { createParquetFile } = await import('../src/parquet/parquet.ts');
  const output = await createParquetFile(file, [
    { name: 'sequence_number', type: 'long', bounds: true },
    { name: 'enqueued_at', type: 'timestamp', bounds: true },
    { name: 'body', type: 'string', bounds: false },
  ]);
  const { sequenceNumbers, enqueuedAtUs, body } = columns();
  await output.append({ count: rows, columns: [sequenceNumbers, enqueuedAtUs, body] });
  await output.close();
}

/** COPY at one thread from a table function over the same columns. */
async function writeWithDuckDB(): Promise<void> {
  const { openDatabase, defineColumnSource } = await import('../src/duckdb/duckdb.ts');
  const database = await openDatabase({ memoryBytesMax: 2 ** 30, threads: 1, temporaryFolder: tmpdir() });
  const source = await defineColumnSource(database, 'bench_rows', [
    { name: 'sequence_number', kind: 'long' },
    { name: 'enqueued_at', kind: 'timestamp' },
    { name: 'body', kind: 'text' },
  ]);
  const { sequenceNumbers, enqueuedAtUs, body } = columns();
  const held = source.hold([{ count: rows, columns: [sequenceNumbers, enqueuedAtUs, body] }]);
  await database.run(
    'COPY (FROM bench_rows(CAST($held AS BIGINT))) TO $file (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)',
    { held, file },
  );
  source.release(held);
  database.close();
}

async function writeWithParquetjs(): Promise<void> {
  const { ParquetSchema, ParquetWriter } = createRequire(import.meta.url)('@dsnp/parquetjs') as {
    ParquetSchema: new (schema: object) => object;
    ParquetWriter: {
      openFile(
        schema: object,
        path: string,
        options: object,
      ): Promise<{ appendRow(row: object): Promise<void>; close(): Promise<void> }>;
    };
  };
  const schema = new ParquetSchema({
    sequence_number: { type: 'INT64', compression: 'SNAPPY' },
    enqueued_at: { type: 'TIMESTAMP_MICROS', compression: 'SNAPPY' },
    body: { type: 'UTF8', compression: 'SNAPPY' },
  });
  const output = await ParquetWriter.openFile(schema, file, { rowGroupSize: 65_536, useDataPageV2: false });
  for (const [index, body] of bodies.entries()) {
    await output.appendRow({
      sequence_number: index,
      enqueued_at: (enqueuedAtMs + index) * 1000,
      body: body.toString(),
    });
  }
  await output.close();
}

/** DuckDB reads all three. */
async function countRows(): Promise<number> {
  const { openDatabase } = await import('../src/duckdb/duckdb.ts');
  const database = await openDatabase({ memoryBytesMax: 2 ** 30, threads: 1, temporaryFolder: tmpdir() });
  const [found] = await database.rows<{ rows: bigint }>('SELECT count(*) AS rows FROM read_parquet($file)', { file });
  database.close();
  return Number(found?.rows);
}

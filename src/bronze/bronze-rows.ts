import { isUtf8 } from 'node:buffer';
import { areUtf8, byteColumnOf, valueAt } from '../base/byte-column.ts';
import type { ByteColumn } from '../base/byte-column.ts';
import type { ColumnRows, SourceColumn } from '../duckdb/duckdb.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';

/** Columns of the rows below; the run's own (ingested_at, run_id, ingestion_date) are the same for a whole flush. */
export const ARRIVED_COLUMNS: readonly SourceColumn[] = [
  { name: 'body', kind: 'text' },
  { name: 'body_base64', kind: 'text' },
  { name: 'properties', kind: 'text' },
  { name: 'partition_id', kind: 'integer' },
  { name: 'sequence_number', kind: 'long' },
  { name: 'offset', kind: 'text' },
  { name: 'enqueued_at', kind: 'timestamp' },
  { name: 'partition_key', kind: 'text' },
];

/** The batch as rows of bronze (domain section 2). A body that is no UTF-8 is null and stands in base64 beside. */
export function bronzeRows(batch: EventBatch): ColumnRows {
  const { count, bodies } = batch;
  const sound = areUtf8(bodies, 0, count);
  const [text, base64] = sound ? [bodies, allNull(count)] : splitBodies(batch);
  return {
    count,
    columns: [
      text,
      base64,
      batch.properties,
      new Int32Array(count).fill(Number(batch.partitionId)),
      batch.sequenceNumbers,
      batch.offsets,
      batch.enqueuedAtUs,
      batch.partitionKeys,
    ],
  };
}

function allNull(count: number): ByteColumn {
  return { bytes: new Uint8Array(0), ends: new Uint32Array(count), nulls: new Uint8Array(count).fill(1) };
}

function splitBodies({ count, bodies }: EventBatch): [ByteColumn, ByteColumn] {
  const texts: (Uint8Array | undefined)[] = [];
  const encoded: (Uint8Array | undefined)[] = [];
  for (let row = 0; row < count; row++) {
    const body = valueAt(bodies, row) ?? new Uint8Array(0);
    const isText = isUtf8(body);
    texts.push(isText ? body : undefined);
    encoded.push(isText ? undefined : Buffer.from(Buffer.from(body).toString('base64')));
  }
  return [byteColumnOf(texts), byteColumnOf(encoded)];
}

import { isUtf8 } from 'node:buffer';
import { areUtf8 } from '../base/utf8.ts';
import type { ColumnRows, SourceColumn, TextColumn } from '../duckdb/duckdb.ts';
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
  const sound = areUtf8(bodies.bytes, bodies.ends, 0, count);
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

function allNull(count: number): TextColumn {
  return { bytes: new Uint8Array(0), ends: new Uint32Array(count), nulls: new Uint8Array(count).fill(1) };
}

function splitBodies({ count, bodies }: EventBatch): [TextColumn, TextColumn] {
  const isText = new Uint8Array(count);
  const encoded: Buffer[] = [];
  const ends = new Uint32Array(count);
  let used = 0;
  for (let i = 0; i < count; i++) {
    const body = bodies.bytes.subarray(i === 0 ? 0 : bodies.ends[i - 1], bodies.ends[i]);
    if (isUtf8(body)) isText[i] = 1;
    else {
      const text = Buffer.from(Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64'));
      encoded.push(text);
      used += text.length;
    }
    ends[i] = used;
  }
  return [
    { bytes: bodies.bytes, ends: bodies.ends, nulls: isText.map((text) => 1 - text) },
    { bytes: Buffer.concat(encoded), ends, nulls: isText },
  ];
}

import { isUtf8 } from 'node:buffer';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { present } from '../base/assert.ts';
import { areUtf8, byteColumnOf, valueAt } from '../base/byte-column.ts';
import type { ByteColumn } from '../base/byte-column.ts';
import type { EventBatch } from '../eventhubs/eventhubs.ts';
import type { ColumnPart, ParquetRows } from '../parquet/parquet.ts';

/** What all rows of a file have in common. */
export interface FileFacts {
  readonly ingestedAtUs: bigint;
  readonly runId: string;
}

/** Columns that stand in the files: not the day, which is the partition. */
const NAMES = bronzeTable.columns
  .map(({ name }) => name)
  .filter((name) => !bronzeTable.partitionColumns.includes(name));

/** The batch as rows of bronze (domain section 2). A body that is no UTF-8 is null and stands in base64 beside. */
export function bronzeRows(batch: EventBatch, { ingestedAtUs, runId }: FileFacts): ParquetRows {
  const { count, bodies } = batch;
  const [body, base64] = areUtf8(bodies, 0, count) ? [bodies, { repeated: null }] : splitBodies(batch);
  const parts: Readonly<Record<string, ColumnPart>> = {
    body,
    body_base64: base64,
    properties: soundTexts(batch.properties, count),
    partition_id: { repeated: Number(batch.partitionId) },
    sequence_number: batch.sequenceNumbers,
    offset: soundTexts(batch.offsets, count),
    enqueued_at: batch.enqueuedAtUs,
    partition_key: soundTexts(batch.partitionKeys, count),
    ingested_at: { repeated: ingestedAtUs },
    run_id: { repeated: runId },
  };
  return { count, columns: NAMES.map((name) => present(parts[name], `bronze column ${name}`)) };
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

/** What the service calls text and is none gets replacement characters. */
function soundTexts(column: ByteColumn, count: number): ByteColumn {
  if (areUtf8(column, 0, count)) return column;
  const rows = Array.from({ length: count }, (_, row) => valueAt(column, row));
  return byteColumnOf(rows.map((value) => value && Buffer.from(Buffer.from(value).toString('utf8'))));
}

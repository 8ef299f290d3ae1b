import { z } from 'zod';

/**
 * Kinds of the columns of a dimension's row, as a CSV, JSON or Parquet reader gives them: integers may come as
 * numbers, bigints or their text. Times are RFC 3339 text; a blank instead of `T` and an offset of hours alone, as
 * DuckDB writes them, are taken too. Nothing but a key must be there.
 */
export function whole(low: number, high: number) {
  return z
    .custom<number | bigint | string>(isWhole, { error: 'must be a whole number', abort: true })
    .transform(Number)
    .refine((value) => value >= low && value <= high, { error: `must be a whole number ${low}..${high}` })
    .meta({ type: 'integer', minimum: low, maximum: high });
}

export function words() {
  return z.string().nullable();
}

/** `YYYY-MM-DD`. */
export function day() {
  return z.iso.date().nullable();
}

export function instant() {
  return z
    .string()
    .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$/)
    .nullable();
}

function isWhole(value: unknown): boolean {
  if (typeof value === 'string') return /^-?\d{1,16}$/.test(value);
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

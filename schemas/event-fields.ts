import { z } from 'zod';
import { timestampUs } from './timestamp.ts';

/**
 * Kinds of event fields by domain section 1, over the members of a scanned JSON object: text is a string, a number
 * its `JsonNumber`, an array or object `NESTED`. Each issue's message is the reason without the field's name:
 * `missing`, `type` or `range`; an issue of the whole event bears its whole reason.
 */
export class JsonNumber {
  /** As it was written: only so are 5, 5.0 and 5e0 told apart, and integers of any length. */
  readonly lexeme: string;

  constructor(lexeme: string) {
    this.lexeme = lexeme;
  }
}

/** Stands for an array or object: no field has one, so that nobody needs its contents. */
export const NESTED = Symbol('array or object');

export const ID_MAX = Number.MAX_SAFE_INTEGER;
export const INT_MAX = 2 ** 31 - 1;
const TEXT_CODE_POINTS_MAX = 128;
// The longest integer that a number holds exactly has 16 digits and a sign.
const LEXEME_LENGTH_MAX = 17;

/** Text of low..high code points, well-formed, without control characters. */
export function text(low = 1, high = TEXT_CODE_POINTS_MAX) {
  return z
    .string({ error: missingOrType })
    .refine((value) => isText(value, low, high), { error: 'range' })
    .meta({ minLength: low, maxLength: high, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
}

/** A JSON integer low..high, as a number. */
export function integer(low: number, high: number) {
  return z
    .custom<JsonNumber>(isInteger, { error: missingOrType, abort: true })
    .transform(integerOf)
    .refine((value) => value >= low && value <= high, { error: 'range' })
    .meta({ type: 'integer', minimum: low, maximum: high });
}

/** A JSON integer 1..9007199254740991, as a number. */
export function id() {
  return integer(1, ID_MAX);
}

/** An instant, as microseconds since 1970-01-01T00:00:00Z in a number. */
export function timestamp() {
  return z
    .string({ error: missingOrType })
    .transform((value, context) => {
      const microseconds = timestampUs(value);
      if (microseconds !== undefined) return microseconds;
      context.addIssue({ code: 'custom', message: 'range' });
      return z.NEVER;
    })
    .meta({
      format: 'date-time',
      pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$',
      description: 'From 2000-01-01T00:00:00Z to before 2100-01-01T00:00:00Z; kept to the microsecond.',
    });
}

export function flag() {
  return z.boolean({ error: missingOrType });
}

/** The field may be missing or null, and is then null. */
export function optional<Field extends z.ZodType>(field: Field) {
  return field.nullish().transform((value) => value ?? null);
}

/** Columns that every dataset's event begins with. */
export const EVENT_HEAD = { event_id: text(), produced_at: timestamp() };

/** For an event of something that lasts. */
export function endsAfterStart(event: { started_at: number; ended_at: number }): boolean {
  return event.ended_at >= event.started_at;
}

function missingOrType(issue: { readonly input?: unknown }): string {
  return issue.input === undefined || issue.input === null ? 'missing' : 'type';
}

function isText(value: string, low: number, high: number): boolean {
  // A code point is one or two code units, so that this needs no look at the characters.
  if (value.length > 2 * high) return false;
  let codePoints = 0;
  for (let at = 0; at < value.length; at++, codePoints++) {
    const unit = value.charCodeAt(at);
    if (unit < 0x20 || unit === 0x7f) return false;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = value.charCodeAt(++at);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
  }
  return codePoints >= low && codePoints <= high;
}

function isInteger(value: unknown): boolean {
  return value instanceof JsonNumber && !/[.eE]/.test(value.lexeme);
}

// -0 + 0 is 0; what is too long to be exact is out of every range.
function integerOf({ lexeme }: JsonNumber): number {
  return lexeme.length > LEXEME_LENGTH_MAX ? Infinity : Number(lexeme) + 0;
}

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

/** What a field of this file asks, said as data: bounds are code points of a text, values of an integer. */
export interface FieldRule {
  readonly kind: 'text' | 'integer' | 'timestamp' | 'flag';
  readonly low: number;
  readonly high: number;
  readonly optional: boolean;
}

/** What a check of a whole event asks, said as data: the second of the fields is not less than the first. */
export interface OrderRule {
  readonly first: string;
  readonly second: string;
}

// By identity: a field that was refined further is another object and has no rule, as it should.
const fieldRules = new WeakMap<object, FieldRule>();
const orderRules = new WeakMap<object, OrderRule>();

/** The rule of a field made here, undefined for any other: only zod knows what that one asks. */
export function fieldRule(field: object): FieldRule | undefined {
  return fieldRules.get(field);
}

/** The rule of a check made by `inOrder`, undefined for any other. */
export function orderRule(check: object): OrderRule | undefined {
  return orderRules.get(check);
}

/** Text of low..high code points, well-formed, without control characters. */
export function text(low = 1, high = TEXT_CODE_POINTS_MAX) {
  const field = z
    .string({ error: missingOrType })
    .refine((value) => isText(value, low, high), { error: 'range' })
    .meta({ minLength: low, maxLength: high, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
  return ruled(field, { kind: 'text', low, high });
}

/** A JSON integer low..high, as a number. */
export function integer(low: number, high: number) {
  const field = z
    .custom<JsonNumber>(isInteger, { error: missingOrType, abort: true })
    .transform(integerOf)
    .refine((value) => value >= low && value <= high, { error: 'range' })
    .meta({ type: 'integer', minimum: low, maximum: high });
  return ruled(field, { kind: 'integer', low, high });
}

/** A JSON integer 1..9007199254740991, as a number. */
export function id() {
  return integer(1, ID_MAX);
}

/** An instant, as microseconds since 1970-01-01T00:00:00Z in a number. */
export function timestamp() {
  const field = z
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
  return ruled(field, { kind: 'timestamp' });
}

export function flag() {
  return ruled(z.boolean({ error: missingOrType }), { kind: 'flag' });
}

/** The field may be missing or null, and is then null. */
export function optional<Field extends z.ZodType>(field: Field) {
  const made = field.nullish().transform((value) => value ?? null);
  const rule = fieldRules.get(field);
  return rule === undefined ? made : ruled(made, { ...rule, optional: true });
}

/** Columns that every dataset's event begins with. */
export const EVENT_HEAD = { event_id: text(), produced_at: timestamp() };

/** A check of a whole event by two required fields of one kind: the second is not less than the first. */
export function inOrder<const First extends string, const Second extends string>(first: First, second: Second) {
  const check = (event: Readonly<Record<First | Second, number>>): boolean => event[second] >= event[first];
  orderRules.set(check, { first, second });
  return check;
}

/** For an event of something that lasts. */
export const endsAfterStart = inOrder('started_at', 'ended_at');

function ruled<Field extends z.ZodType>(field: Field, rule: Partial<FieldRule> & Pick<FieldRule, 'kind'>): Field {
  fieldRules.set(field, { low: 0, high: 0, optional: false, ...rule });
  return field;
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

/**
 * By its shape and not by its class: a pipeline of one's own may have this module a second time, beside the one of the
 * engine that scans. Nothing else that is scanned is an object.
 */
function isInteger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { lexeme } = value as Partial<JsonNumber>;
  return typeof lexeme === 'string' && !/[.eE]/.test(lexeme);
}

// -0 + 0 is 0; what is too long to be exact is out of every range.
function integerOf({ lexeme }: JsonNumber): number {
  return lexeme.length > LEXEME_LENGTH_MAX ? Infinity : Number(lexeme) + 0;
}

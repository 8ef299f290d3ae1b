import { present } from '../base/assert.ts';
import type { EventRules, RuledField } from './event-rules.ts';

/**
 * The shape of a body: a regular expression (RE2) that stands for all bodies with the same names, white space and kinds
 * of values in the same order. What matches is JSON by RFC 8259 in which no outermost name is there twice, nothing is
 * deep and no number is long, because the one body it was made of is so; and every field is of its kind, without
 * control characters or surrogates. Lengths, ranges, days that do not exist and the order of fields are left to SQL.
 */
export interface BodyShape {
  readonly pattern: string;
  /**
   * The same as a text around the values of the fields, which costs a third of the pattern to compare. For bodies
   * without a backslash: no value has a quote then, so that one that is this text around its own values has no other
   * reading. Undefined where a leaf is no field's value.
   */
  readonly text: BodyText | undefined;
  /** Names of the outermost object that the contract does not have. */
  readonly unknown: readonly string[];
}

/** Texts, and fields between them by their names: a value as JSON has it, a string without its quotes. */
export type BodyText = readonly (string | TextField | OptionalField)[];

export interface TextField {
  readonly field: string;
}

/** A field that is not there with what stands around it where its value is null. */
export interface OptionalField extends TextField {
  readonly before: string;
  readonly after: string;
}

const limits = {
  /** A pattern is about as long as its body. */
  codeUnitsMax: 8192,
  leavesMax: 64,
  depthMax: 8,
} as const;

// What is written as it is, but for a control character; and what is written as an escape and is none either. Of
// surrogates only pairs.
const PLAIN = String.raw`[^"\\\x00-\x1f\x7f]`;
const HEX = '[0-9a-fA-F]';
const ESCAPED =
  String.raw`u(?:00[2-6]${HEX}|007[0-9a-eA-E]|00[89a-fA-F]${HEX}|0[1-9a-fA-F]${HEX}${HEX}` +
  String.raw`|[1-9a-cA-CeEfF]${HEX}${HEX}${HEX}|[dD][0-7]${HEX}${HEX}` +
  String.raw`|[dD][89abAB]${HEX}${HEX}\\u[dD][c-fC-F]${HEX}${HEX})`;
export const TIMESTAMP =
  '20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]' +
  String.raw`(?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])`;
const FLAG = '(?:true|false)';

/** Values of unknown fields. Numbers that a double holds, since DuckDB reads them all. */
const ANY_TEXT = String.raw`"(?:${PLAIN}|\\(?:["\\/bfnrt]|${ESCAPED}))*"`;
const ANY_NUMBER = String.raw`-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?`;

/** The shape of what `JSON.stringify` makes of an event with its fields in the contract's order. */
export function canonicalShape({ fields }: EventRules): BodyShape | undefined {
  const first = fields.findIndex(({ optional }) => !optional);
  if (first < 0) return undefined;
  const members = fields.map((field, index) => {
    const member = `"${field.name}":${leafOf(field)}`;
    // The comma of an optional field goes with it, and lies between it and the first field that is always there.
    if (field.optional) return index < first ? `(?:${member},)?` : `(?:,${member})?`;
    return index === first ? member : `,${member}`;
  });
  return { pattern: `\\{${members.join('')}\\}`, text: canonicalText(fields, first), unknown: [] };
}

function canonicalText(fields: readonly RuledField[], first: number): BodyText {
  const members = fields.flatMap((field, index): BodyText => {
    const quote = quoteOf(field);
    const before = `${index > first ? ',' : ''}"${field.name}":${quote}`;
    const after = `${quote}${index < first ? ',' : ''}`;
    return field.optional ? [{ field: field.name, before, after }] : [before, { field: field.name }, after];
  });
  return ['{', ...members, '}'];
}

function quoteOf({ kind }: RuledField): string {
  return kind === 'text' || kind === 'timestamp' ? '"' : '';
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}[\],:]|[ \t\r\n]+/gy;

/** The shape of a body that zod accepted; undefined where it is too large or odd to be worth one. */
export function shapeOf(rules: EventRules, body: string): Pick<BodyShape, 'pattern' | 'text'> | undefined {
  if (body.length > limits.codeUnitsMax) return undefined;
  const fields = new Map(rules.fields.map((field) => [field.name, field]));
  const open: string[] = [];
  const text: (string | TextField)[] = [];
  let [pattern, name, leaves] = ['', '', 0];
  let isKnown = true;
  let isName = false;
  for (const [token] of body.matchAll(TOKEN)) {
    const isValue = !' \t\r\n{}[],:'.includes(token.charAt(0));
    if (isValue && isName) {
      // One name has many spellings.
      if (token.includes('\\')) return undefined;
      name = token.slice(1, -1);
    }
    if (isValue && !isName) leaves++;
    if (isValue && !isName) {
      const field = open.length === 1 ? fields.get(name) : undefined;
      pattern += leafPattern(token, field);
      // Null has no value to stand for it, and of unknown fields nothing is read.
      isKnown &&= field !== undefined && token !== 'null';
      const quote = field === undefined ? '' : quoteOf(field);
      text.push(quote, { field: name }, quote);
    } else {
      pattern += literal(token);
      text.push(token);
    }
    if (token === '{' || token === '[') open.push(token);
    if (token === '}' || token === ']') open.pop();
    if (leaves > limits.leavesMax || open.length > limits.depthMax) return undefined;
    if (token === '{' || token === ',') isName = open.at(-1) === '{';
    else if (token === '[' || token === ':') isName = false;
  }
  return { pattern, text: isKnown ? text : undefined };
}

function leafPattern(token: string, field: RuledField | undefined): string {
  if (field !== undefined) return leafOf(field);
  const first = token.charAt(0);
  if (first === '"') return ANY_TEXT;
  if (first === 't' || first === 'f') return FLAG;
  return first === 'n' ? 'null' : ANY_NUMBER;
}

function leafOf(field: RuledField): string {
  const leaf = KINDS[field.kind](field);
  return field.optional ? `(?:null|${leaf})` : leaf;
}

const KINDS: Readonly<Record<RuledField['kind'], (field: RuledField) => string>> = {
  text: ({ low }) => String.raw`"(?:${PLAIN}|\\(?:["\\/]|${ESCAPED}))${low > 0 ? '+' : '*'}"`,
  integer(field) {
    const [low, high] = integerBounds(field);
    const digits = Math.max(...[low, high].map((bound) => String(Math.abs(bound)).length));
    return `(?:0|${low < 0 ? '-?' : ''}[1-9][0-9]{0,${digits - 1}})`;
  },
  timestamp: () => `"${TIMESTAMP}"`,
  flag: () => FLAG,
};

/** Bounds of an integer field, as far as a number is exact. */
export function integerBounds({ low, high }: RuledField): readonly [number, number] {
  return [Math.max(Math.ceil(low), -Number.MAX_SAFE_INTEGER), Math.min(Math.floor(high), Number.MAX_SAFE_INTEGER)];
}

const WHITE: Readonly<Record<string, string>> = { '\t': '\\t', '\r': '\\r', '\n': '\\n' };

function literal(token: string): string {
  return token
    .replaceAll(/[!-/:-@[-^`{-~]/g, String.raw`\$&`)
    .replaceAll(/[\t\r\n]/g, (white) => present(WHITE[white], 'white space'));
}

import type { EventRules, RuledField } from '../../src/silver/event-rules.ts';
import type { Random } from './hostile-stream.ts';

/**
 * Event bodies by a grammar, bent in one or more places: a template fixes the order of the names, their spelling, the
 * white space and the unknown fields; each body of it has other values, at the edges of what is accepted and beyond,
 * and some are edited as text.
 */
export interface Template {
  /** Name as JSON text; the value of an unknown field, undefined for a field of the contract. */
  readonly members: readonly (readonly [name: string, field: RuledField | undefined, value: string])[];
  readonly gaps: readonly string[];
}

const UNKNOWN_NAMES = ['x', 'Score', '__proto__', 'constructor', '7', '', 'área', 'a.b*(c)[d]|$^', 'q"\\n', '\u007f'];

export function templateOf(random: Random, rules: EventRules): Template {
  const fields: Template['members'][number][] = rules.fields
    .filter(({ optional }) => !optional || random.chance(0.7))
    .map((field) => [nameText(random, field.name), field, '']);
  if (random.chance(0.5)) shuffle(random, fields);
  const unknown = random.chance(0.5) ? random.below(4) : 0;
  for (let made = 0; made < unknown; made++) {
    const name = random.chance(0.2) ? `u${random.below(40)}` : random.pick(UNKNOWN_NAMES);
    fields.splice(random.below(fields.length + 1), 0, [JSON.stringify(name), undefined, anyValue(random, 0)]);
  }
  const gaps = random.pick([[''], [''], [' '], ['', ' '], ['\n  ', ''], ['\t', '\r\n', '']]);
  return { members: fields, gaps };
}

/** none: every field is good; one: a single one is not, nothing else; many: whatever can be wrong. */
export type Bends = 'none' | 'one' | 'many';

export function bodyOf(random: Random, template: Template, bends: Bends): string {
  const around = random.pick(INSTANTS);
  const one = bends === 'one' ? random.below(template.members.length) : -1;
  const share = bends === 'many' ? random.pick([0, 0.1, 0.3]) : 0;
  const members = template.members.map(([name, field, value], at) => {
    if (field === undefined) return [name, bends === 'none' ? value : sibling(random, value)] as const;
    const isBent = at === one || random.chance(share);
    return [name, isBent ? random.pick(edgeValues(field)) : goodValue(random, field, around)] as const;
  });
  if (random.chance(share)) members.push(random.pick(members));
  if (random.chance(share)) members.splice(random.below(members.length), 1);
  if (random.chance(share)) shuffle(random, members);
  const odd = bends === 'many' && random.chance(0.05);
  const gap = odd ? () => random.pick([' ', '', '\n', '\u00a0', '\ufeff']) : cycle(template.gaps);
  const inner = members.map(([name, value]) => `${gap()}${name}${gap()}:${gap()}${value}${gap()}`).join(',');
  const text = `{${inner}}`;
  return (bends === 'many' && random.chance(0.3) ? edited(random, text) : text).toWellFormed();
}

/** A body with every field at every one of its edges, one at a time: all else is as plain as can be. */
export function bodiesAtEdges(rules: EventRules): string[] {
  return rules.fields.flatMap((field) =>
    edgeValues(field).map((edge) => {
      const members = rules.fields.map((other) => `"${other.name}":${other === field ? edge : plainValue(other)}`);
      return `{${members.join(',')}}`.toWellFormed();
    }),
  );
}

/** All integers at their least, all times one: whatever order is asked of them, they have it. */
function plainValue({ kind, low }: RuledField): string {
  if (kind === 'text') return `"${'a'.repeat(Math.max(low, 1))}"`;
  if (kind === 'integer') return String(low);
  return kind === 'flag' ? 'true' : `"${USUAL_TIME}Z"`;
}

function nameText(random: Random, name: string): string {
  if (random.chance(0.97)) return JSON.stringify(name);
  return `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`;
}

function shuffle<T>(random: Random, items: T[]): void {
  for (let at = items.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
}

function cycle(gaps: readonly string[]): () => string {
  let next = 0;
  return () => gaps[next++ % gaps.length] ?? '';
}

const EDITS = [
  ...' \t\n{}[]:,"\\u0eE+-.1nt/\u0000\u007F\uFEFF\u00A0',
  'null',
  '\\u0000',
  '\\ud800',
  'NaN',
  '//',
  '"":0,',
];

function edited(random: Random, text: string): string {
  let result = text;
  for (let left = 1 + random.below(2); left > 0; left--) {
    const from = random.below(result.length + 1);
    const inserted = random.chance(0.3) ? '' : random.pick(EDITS);
    result = result.slice(0, from) + inserted + result.slice(from + random.below(2));
  }
  return random.chance(0.1) ? random.pick(['\ufeff', ' ', '\n', 'x', '\u0000']) + result : result;
}

const CHARACTERS = [
  'a',
  'Z',
  '0',
  ' ',
  "'",
  '/',
  'é',
  'ß',
  '\u0080',
  '\u2028',
  '\uffff',
  '😀',
  '\ufeff',
  '\\"',
  '\\\\',
];
const ESCAPES = ['\\/', '\\u0020', '\\u007e', '\\u0080', '\\u00e9', '\\uD7ff', '\\ue000', '\\uFFFF', '\\ud83d\\ude00'];
const NO_TEXT = [
  '\\u0000',
  '\\u001f',
  '\\u007f',
  '\\u007F',
  '\u007f',
  '\\ud800',
  '\\udc00\\ud800',
  '\\n',
  '\n',
  '\u0000',
];
const SPOILT = ['\\x', '\\u12', '"', '\\U0041', '\\', '\\uD83D\\u0041', '\\uDBFF\\uDFFF', '\\ud83d\\uDe0', '\\b'];

function goodValue(random: Random, field: RuledField, around: string): string {
  if (field.optional && random.chance(0.2)) return 'null';
  const { low, high } = field;
  switch (field.kind) {
    case 'flag':
      return random.pick(['true', 'false']);
    case 'integer':
      return String(random.pick([low, high, Math.min(high, low + 1), Math.max(low, high - 1), middle(random, field)]));
    case 'text':
      return `"${textOf(random, lengthOf(random, field), random.pick(ALPHABETS))}"`;
    default:
      return `"${around}${random.pick(FRACTIONS)}${random.pick(['Z', 'Z', '+00:00', '-00:00'])}"`;
  }
}

function lengthOf(random: Random, { low, high }: RuledField): number {
  return Math.max(low, Math.min(high, random.pick([low, low + 1, 8, 20, high - 1, high])));
}

const ALPHABETS = [['a'], ['a'], ['é'], ['😀'], CHARACTERS, [...CHARACTERS, ...ESCAPES], ['\\u00e9'], ['\\"']];
const FRACTIONS = ['', '.0', '.5', '.123456', '.1234567', '.1234569', '.123456999', '.999999999', '.000000001'];
/** Wall times without a fraction; good ones in UTC, at the edges. */
const INSTANTS = [
  '2000-01-01T00:00:00',
  '2026-01-05T11:02:03',
  '2024-02-29T23:59:59',
  '2000-02-29T12:00:00',
  '2099-12-31T23:59:59',
  '2026-12-31T23:59:59',
];

function textOf(random: Random, codePoints: number, alphabet: readonly string[]): string {
  return Array.from({ length: codePoints }, () => random.pick(alphabet)).join('');
}

function middle(random: Random, { low, high }: RuledField): number {
  return low + random.below(Math.min(high - low + 1, 1_000_000));
}

/** JSON texts at the edges of what the field takes, on both sides of them, and values of other kinds. */
export function edgeValues(field: RuledField): string[] {
  return [...OTHER_KINDS, ...EDGES[field.kind](field)];
}

const OTHER_KINDS = [
  'null',
  'true',
  '5',
  '"5"',
  '""',
  '[]',
  '{}',
  '{"a":1,"a":2}',
  '[1,]',
  'NaN',
  'Infinity',
  '',
  '1 2',
];

const EDGES: Readonly<Record<RuledField['kind'], (field: RuledField) => string[]>> = {
  flag: () => ['true', 'false', 'True', '"true"', '1', 'truefalse', 'tru'],
  integer({ low, high }) {
    const value = String(Math.min(high, low + 3));
    const near = [low - 1, low, low + 1, high - 1, high, high + 1].map(String);
    const forms = ['0#', '+#', '#.0', '#.5', '#e0', '#E+2', '"#"', '#.', '# ', '-#'].map((form) =>
      form.replace('#', value),
    );
    const long = [1, 10, 15, 16, 17, 18, 19, 20, 300, 999, 1000, 1001].map((digits) => '9'.repeat(digits));
    const known = ['-0', '0', '00', '9007199254740993', '2147483648', '-2147483649', '1e400', '0.0', '-0.0', '0.9'];
    return [...near, ...forms, ...long, ...long.map((digits) => `-${digits}`), ...known];
  },
  text({ low, high }) {
    const lengths = [low - 1, low, low + 1, high - 1, high, high + 1].filter((length) => length >= 0);
    const long = lengths.flatMap((length) => ['a', 'é', '😀', '\\u00e9', '\\"'].map((one) => one.repeat(length)));
    const odd = [...CHARACTERS, ...ESCAPES, ...NO_TEXT, ...SPOILT].flatMap((one) => [one, `ab${one}`, `${one}c`]);
    return [...long, ...odd, 'a'.repeat(20_000)].map((inner) => `"${inner}"`).concat('"abc', "'abc'");
  },
  timestamp: () => TIMESTAMPS.map((text) => `"${text}"`),
};

const PARTS: readonly (readonly string[])[] = [
  ['1999', '2000', '2023', '2024', '2099', '2100', '0000', '202', '20260', '-001'],
  ['01', '02', '04', '12', '00', '13', '1', '99'],
  ['01', '28', '29', '30', '31', '00', '32', '1'],
  ['00', '12', '23', '24', '25', '7'],
  ['00', '59', '60', '5'],
  ['00', '59', '60', '61'],
  ['', '.0', '.999999', '.9999999', '.123456789', '.1234567890', '.', ',5', '.5.5', '.x'],
  [
    'Z',
    '+00:00',
    '-00:00',
    '+23:59',
    '-23:59',
    '-03:00',
    '+05:30',
    'z',
    '',
    '+24:00',
    '-03:60',
    '+03',
    '+0300',
    '+3:00',
  ],
  ['T', 't', ' ', '_'],
];
const USUAL = ['2026', '01', '28', '12', '00', '59', '.999999', 'Z', 'T'];
const USUAL_TIME = '2026-01-28T12:00:59.999999';

const BORDERS = [
  ['1999-12-31T23:00:00-01:00', '2000-01-01T00:59:59.999999+01:00', '2000-01-01T01:00:00+01:00'],
  ['2099-12-31T22:59:59.999999999-01:00', '2099-12-31T23:00:00-01:00', '2100-01-01T00:59:59+01:00'],
  ['2024-02-29T00:00:00Z', '2023-02-29T00:00:00Z', '2100-02-29T00:00:00Z', '2000-02-29T00:00:00Z'],
  ['2026-01-28T24:00:00Z', '2026-01-28T24:00:00.000+00:00', '2026-01-28T23:60:00Z', '2026-01-28T23:59:60Z'],
].flat();

/** Any two parts of a usual timestamp replaced: so each day meets each month, and each zone the ends of the century. */
const TIMESTAMPS: readonly string[] = [
  ...PARTS.flatMap((ones, first) =>
    ones.flatMap((one) =>
      PARTS.slice(first + 1).flatMap((others, between) =>
        others.map((other) => timestampText(USUAL.with(first, one).with(first + 1 + between, other))),
      ),
    ),
  ),
  ...BORDERS,
];

function timestampText([year, month, day, hour, minute, second, fraction, zone, between]: readonly string[]): string {
  return `${year}-${month}-${day}${between}${hour}:${minute}:${second}${fraction}${zone}`;
}

/** Another value of the same kind, for an unknown field. */
function sibling(random: Random, value: string): string {
  if (value.startsWith('"')) return random.pick([...UNKNOWN_TEXTS, value]);
  if (/^-?\d/.test(value)) return random.pick(UNKNOWN_NUMBERS);
  return value === 'true' ? 'false' : value;
}

const UNKNOWN_TEXTS = ['"v"', '""', '"\\ud800"', '"\\u0000"', '"\\n"', '"\u007f"', '"\\ud83d\\ude00"', '"é"', '"\n"'];
const UNKNOWN_NUMBERS = [
  '0 -0 1 1.5 -1.25e-7 1E99 1e400 0.1e5 01 1. .5 1e - --1 0x1 -Infinity NaN'.split(' '),
  [18, 19, 999, 1000, 1001].map((digits) => '9'.repeat(digits)),
  [17, 18, 999].map((zeros) => `1.${'0'.repeat(zeros)}`),
].flat();

function anyValue(random: Random, depth: number): string {
  const kind = random.below(depth > 3 ? 4 : 8);
  if (kind === 0) return random.pick(UNKNOWN_TEXTS);
  if (kind === 1) return random.pick(UNKNOWN_NUMBERS);
  if (kind === 2) return random.pick(['true', 'false', 'null']);
  if (kind === 3) return random.pick(['[]', '{}', '"x"', '5']);
  const values = Array.from({ length: random.below(3) }, () => anyValue(random, depth + 1));
  if (kind === 4) return `[${values.join(',')}]`;
  if (kind === 5)
    return `{${values.map((value) => `${JSON.stringify(random.pick(UNKNOWN_NAMES))}:${value}`).join(',')}}`;
  if (kind === 6) return `{"event_id":${values[0] ?? '1'}}`;
  const levels = random.pick([1, 7, 8, 9, 98, 99, 100, 101]);
  return '['.repeat(levels) + ']'.repeat(levels);
}

import type { Random } from './random.ts';

type Members = readonly (readonly [name: string, json: string])[];

const text = (members: Members): string => `{${members.map(([name, json]) => `"${name}":${json}`).join(',')}}`;
const bytes = (members: Members): Buffer => Buffer.from(text(members));

/** Another JSON text for the value of one field, by what the field has now. */
const OTHER_VALUES: readonly string[] = [
  'null',
  'true',
  '"true"',
  '0',
  '-0',
  '-1',
  '1',
  '5.0',
  '5e0',
  '1E+2',
  '11',
  '1000',
  '1001',
  '2147483647',
  '2147483648',
  '9007199254740991',
  '9007199254740992',
  '123456789012345678901234567890',
  '-9223372036854775809',
  '"5"',
  '""',
  '" "',
  '"\\u0000"',
  '"\\u007f"',
  '"\u007f"',
  '"\\u0080"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ud83d\\ude00"',
  '"\\\\ud800"',
  '"\\/\\"\\\\"',
  '"\u{1f600}\u{10ffff}"',
  '"e\u0301 \u00e9 \u0130 \ufeff \u2028"',
  '[]',
  '{}',
  '[{"a":[1,"]"]}]',
  `"${'x'.repeat(64)}"`,
  `"${'x'.repeat(65)}"`,
  `"${'\u{1f600}'.repeat(128)}"`,
  `"${'\u{1f600}'.repeat(129)}"`,
  `"${'\\u0041'.repeat(16)}"`,
  `"${'\\u0041'.repeat(17)}"`,
  '"2026-02-29T00:00:00Z"',
  '"2024-02-29T23:59:59.9999999Z"',
  '"2026-01-05T12:00:00"',
  '"2026-01-05 12:00:00Z"',
  '"2026-01-05t12:00:00z"',
  '"2026-01-05T24:00:00Z"',
  '"2026-01-05T23:59:60Z"',
  '"2026-01-05T12:00:00.Z"',
  '"2026-01-05T12:00:00.1234567890Z"',
  '"2026-01-05T12:00:00.000000999-00:00"',
  '"2026-01-05T12:00:00+23:59"',
  '"2026-01-05T12:00:00-23:59"',
  '"2026-01-05T12:00:00+24:00"',
  '"2026-01-05T12:00:00+0300"',
  '"1999-12-31T23:59:59.999999Z"',
  '"2000-01-01T00:00:00Z"',
  '"2000-01-01T00:00:00+00:01"',
  '"2099-12-31T23:59:59.9999999Z"',
  '"2100-01-01T00:00:00Z"',
  '"0000-01-01T00:00:00Z"',
  '"\\u0032026-01-05T12:00:00Z"',
  '"2026-01-05T12:00:00Z "',
  '"２026-01-05T12:00:00Z"',
];

/** Another text for the whole of a body. */
const OTHER_BODIES: readonly ((members: Members, random: Random) => Buffer)[] = [
  () => Buffer.alloc(0),
  () => Buffer.from(' \t\r\n'),
  () => Buffer.from('null'),
  () => Buffer.from('"text"'),
  () => Buffer.from('-0'),
  () => Buffer.from('{}'),
  (members) => Buffer.from(`[${text(members)}]`),
  (members) => Buffer.from(`\ufeff${text(members)}`),
  (members) => Buffer.from(`${text(members)}\0`),
  (members) => Buffer.from(`${text(members)}${text(members)}`),
  (members) => Buffer.from(`${text(members)},`),
  (members) => Buffer.from(text(members).slice(0, -1)),
  (members) => Buffer.from(`${text(members).slice(0, -1)},}`),
  (members) => Buffer.from(text(members).replace(':', '=')),
  (members) => Buffer.from(text(members).replaceAll('"', "'")),
  (members) => Buffer.from(`/* */${text(members)}`),
  (members) => Buffer.from(`${text(members)} // end`),
  (members) => bytes([...members, ['x', 'NaN']]),
  (members) => bytes([...members, ['x', 'Infinity']]),
  (members) => bytes([...members, ['x', '01']]),
  (members) => bytes([...members, ['x', '+1']]),
  (members) => bytes([...members, ['x', '.5']]),
  (members) => bytes([...members, ['x', '1.']]),
  (members) => bytes([...members, ['x', '0x1F']]),
  (members) => bytes([...members, ['x', 'TRUE']]),
  (members) => bytes([...members, ['x', '"\t"']]),
  (members) => bytes([...members, ['x', '"\\x41"']]),
  (members) => bytes([...members, ['x', '"\\u12g4"']]),
  (members) => bytes([...members, ['x', '1'.repeat(1001)]]),
  (members) => bytes([...members, ['x', `${'['.repeat(100)}${']'.repeat(100)}`]]),
  (members) => bytes([...members, ['x', '[1,]']]),
  (members) => bytes([...members, ['x', '[1 2]']]),
  (members) => bytes([...members, ['x', '{"a":}']]),
  (members) => bytes([...members, ['x', '[}']]),
  (members) => bytes([...members, ['x', '1'], ['x', '1']]),
  (members) => bytes([...members, ['x', '1'], ['\\u0078', '1']]),
  (members) => bytes([...members, ['\\ud800', '1'], ['\\uD800', '1']]),
  (members) => bytes([...members, ['\\ud800', '1'], ['\\udc00', '1'], ['\ufdd0d800', '1'], ['\\ufDd0', '1']]),
  (members) => bytes([...members, ['\\\\ud800', '1'], ['\\\\uD800', '1']]),
  (members, random) => bytes([...members, random.pick(members)]),
  (members) => Buffer.concat([bytes(members).subarray(0, -1), Buffer.from([0x2c, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]),
  () => Buffer.from([0xc0, 0x80]),
  () => Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  (members) => Buffer.concat([bytes(members), Buffer.from([0xe2, 0x82])]),
  () => Buffer.from('['.repeat(100) + ']'.repeat(100)),
  () => Buffer.from('['.repeat(101) + ']'.repeat(101)),
  () => Buffer.from('{"a":'.repeat(5000)),
];

/** Other names of a member, which are other members all the same. */
const OTHER_NAMES: readonly ((name: string) => string)[] = [
  (name) => name.toUpperCase(),
  (name) => ` ${name}`,
  (name) => `${name}\u0000`.replace('\0', '\\u0000'),
  (name) => `\ufeff${name}`,
];

/** Members that nobody asked for, and that no reason is given for. */
const SURPLUS: Members = [
  ['surplus', '1'],
  ['nested', '{"call_id":"other","deep":[[{"]":"}"}],-0.5e-7]}'],
  ['__proto__', 'null'],
  ['half', '"\\ud800"'],
  ['\\ud83d', '[]'],
  ['', '"empty name"'],
  ['long', `"${'abcdefgh'.repeat(500)}"`],
  ['deepest', `${'['.repeat(99)}${']'.repeat(99)}`],
  ['number', '1'.repeat(1000)],
  ['replacement', '"\ufffd"'],
];

/** A body that is mostly to be rejected: one thing about it is not as it should be. */
export function hostileBody(event: Readonly<Record<string, unknown>>, random: Random): Buffer {
  const members = membersOf(event);
  const at = random.below(members.length);
  const [name, json] = members[at] as readonly [string, string];
  const changed = (member: readonly [string, string]): Members => members.with(at, member);
  const kind = random.below(10);
  if (kind < 5) return bytes(changed([name, random.pick(OTHER_VALUES)]));
  if (kind < 6) return bytes(members.toSpliced(at, 1));
  if (kind < 7) return bytes(changed([random.pick(OTHER_NAMES)(name), json]));
  return random.pick(OTHER_BODIES)(members, random);
}

/** The same event in a form that producers rarely use, and that is as good. */
export function oddBody(event: Readonly<Record<string, unknown>>, random: Random): Buffer {
  let members: Members = membersOf(event).map(([name, json]) => [
    random.chance(0.1) ? escaped(name, random) : name,
    random.chance(0.2) && json.startsWith('"') ? `"${escaped(json.slice(1, -1), random)}"` : json,
  ]);
  if (random.chance(0.3)) members = members.toReversed();
  for (let more = random.below(3); more > 0; more--) {
    const surplus = random.pick(SURPLUS);
    if (!members.some(([name]) => name === surplus[0])) members = members.toSpliced(random.below(5), 0, surplus);
  }
  const space = (): string => ' '.repeat(random.below(3)) + random.pick(['', '', '\n', '\t', '\r\n']);
  const inner = members.map(([name, json]) => `${space()}"${name}"${space()}:${space()}${json}${space()}`);
  return Buffer.from(`${space()}{${inner.join(',')}}${space()}`);
}

/** One character as an escape; what is escaped already stays as it is. */
function escaped(json: string, random: Random): string {
  if (json === '' || json.includes('\\')) return json;
  const at = random.below(json.length);
  const unit = json.charCodeAt(at).toString(16).padStart(4, '0');
  return `${json.slice(0, at)}\\u${random.chance(0.5) ? unit : unit.toUpperCase()}${json.slice(at + 1)}`;
}

function membersOf(event: Readonly<Record<string, unknown>>): Members {
  return Object.entries(event).map(([name, value]) => [name, JSON.stringify(value)] as const);
}

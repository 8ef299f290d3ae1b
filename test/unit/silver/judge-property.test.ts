import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { callLegsContract } from '../../../schemas/call-legs.ts';
import { ivrCallsContract } from '../../../schemas/ivr-calls.ts';
import { surveysContract } from '../../../schemas/surveys.ts';
import { type Verdict, judge } from '../../../src/silver/judge.ts';
import { RULES, slowJudge } from '../../support/slow-judge.ts';

const CONTRACTS = { ivr_calls: ivrCallsContract, call_legs: callLegsContract, surveys: surveysContract };
type Dataset = keyof typeof CONTRACTS;
/** Name and value as JSON texts. */
type Members = readonly (readonly [string, string])[];

const GOOD = { string: '"x"', integer: '5', timestamp: '"2026-01-05T11:02:03.5-03:00"', boolean: 'true' };

const hostileValue = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '[]',
    '{}',
    '""',
    '"5"',
    '-0',
    '0',
    '10',
    '11',
    '-1',
    '5.0',
    '5e0',
    '5E0',
    '01',
    '+1',
  ),
  fc.constantFrom(
    '.5',
    '1.',
    '1e',
    'NaN',
    'Infinity',
    'tru',
    "'x'",
    '',
    '1 2',
    '"',
    '\uFEFF',
    '/**/1',
    '[1,]',
    '{"a":1,}',
  ),
  fc.constantFrom('1000', '1001', '2147483647', '2147483648', '9007199254740991', '9007199254740992', '1e400'),
  fc.constantFrom(16, 17, 64, 65, 128, 129).map((length) => `"${'😀'.repeat(length)}"`),
  fc.constantFrom(999, 1000, 1001).map((length) => '7'.repeat(length)),
  fc.constantFrom(98, 99, 100, 101).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.constantFrom(
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\u0000"',
    '"\u007f"',
    '"\\u007F"',
    '"\n"',
    '"\\x"',
  ),
  fc.constantFrom('{"a":1,"a":2}', '{"event_id":null}', '[[{"score":"x"}],0.5e-3]'),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((value) => JSON.stringify(value)),
  fc.integer().map(String),
);
const hostileTimestamp = fc
  .record({
    year: fc.constantFrom('1999', '2000', '2024', '2026', '2099', '2100', '0000'),
    month: fc.constantFrom('00', '01', '02', '04', '12', '13'),
    day: fc.constantFrom('00', '01', '28', '29', '30', '31', '32'),
    time: fc.constantFrom('00:00:00', '23:59:59', '24:00:00', '12:60:00', '12:00:60', '1:00:00'),
    fraction: fc.constantFrom('', '.', '.0', '.999999', '.0000019', '.123456789', '.1234567890'),
    zone: fc.constantFrom('Z', 'z', '', '+00:00', '-00:00', '+23:59', '-23:59', '+24:00', '-03:60', '+03', '+0300'),
    between: fc.constantFrom('T', 'T', 'T', ' ', 't'),
  })
  .map(
    ({ year, month, day, between, time, fraction, zone }) =>
      `"${year}-${month}-${day}${between}${time}${fraction}${zone}"`,
  );

const change: fc.Arbitrary<(members: Members) => Members> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.nat(), hostileValue).map(([at, value]) => replaced(at, value)) },
  { weight: 3, arbitrary: fc.tuple(fc.nat(), hostileTimestamp).map(([at, value]) => replaced(at, value)) },
  // Good times in the wrong order: two hostile ones that are both good and so placed are rare.
  fc.constant((members: Members) => members.map(endedBefore)),
  fc.nat().map((at) => (members: Members) => members.filter((_, index) => index !== at % members.length)),
  fc
    .nat()
    .map((at) => (members: Members) => [...members, ...members.slice(at % members.length, (at % members.length) + 1)]),
  fc
    .nat()
    .map((at) => (members: Members) => [
      ...members.slice(at % members.length),
      ...members.slice(0, at % members.length),
    ]),
  fc
    .nat()
    .map(
      (at) => (members: Members) => members.map((member, i) => (i === at % members.length ? escaped(member) : member)),
    ),
  fc
    .tuple(fc.constantFrom('"__proto__"', '"constructor"', '"x"', '"\\ud800"', '"1"', '""', '"Score"'), hostileValue)
    .map((member) => (members: Members) => [member, ...members]),
);
const edit = fc
  .tuple(fc.nat(), fc.nat(2), fc.constantFrom(...' \t\n{}[]:,"\\u0eE+-.1nt/\u0000\u007F\uFEFF\u00A0\uD800'))
  .map(([at, removed, inserted]) => (text: string): string => {
    const from = at % (text.length + 1);
    return text.slice(0, from) + (removed === 2 ? '' : inserted) + text.slice(from + (removed === 0 ? 0 : 1));
  });
const body = fc
  .record({
    dataset: fc.constantFrom(...(Object.keys(CONTRACTS) as Dataset[])),
    changes: fc.array(change, { maxLength: 3 }),
    gap: fc.constantFrom('', '', ' ', '\r\n\t'),
    edits: fc.oneof(
      { weight: 3, arbitrary: fc.constant<((text: string) => string)[]>([]) },
      fc.array(edit, { maxLength: 3 }),
    ),
  })
  .map(({ dataset, changes, gap, edits }) => {
    const members = changes.reduce((before, apply) => (before.length > 0 ? apply(before) : before), plain(dataset));
    const text = members.map(([name, value]) => `${gap}${name}${gap}:${gap}${value}${gap}`).join(',');
    return { dataset, text: edits.reduce((before, apply) => apply(before), `{${text}}${gap}`) };
  });

test('whatever the body, the verdict, the reason and the values are those of the slow judge', () => {
  const verdicts = new Map<string, number>();
  fc.assert(
    fc.property(body, ({ dataset, text }) => {
      const expected = slowJudge(dataset, text);
      expect(comparable(judge(CONTRACTS[dataset], text))).toEqual(
        typeof expected === 'string' ? expected : { ...expected, unknown: expected.unknown.toSorted() },
      );
      const kind = typeof expected === 'string' ? (expected.split(':')[0] ?? '') : 'accepted';
      verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
    }),
    { numRuns: 6000 },
  );
  // Each of them was met many times, or the generator proves little.
  for (const kind of ['accepted', 'missing', 'not_json', 'range', 'type', 'ends_before_start']) {
    expect(verdicts.get(kind)).toBeGreaterThan(50);
  }
});

test('whatever the bytes, the judge gives a verdict', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const verdict = judge(surveysContract, bytes);
      const text = Buffer.from(bytes).toString('utf8');
      const isText = Buffer.from(text, 'utf8').equals(Buffer.from(bytes));
      expect(verdict).toMatchObject({ accepted: false, reason: isText ? slowJudge('surveys', text) : 'not_utf8' });
    }),
  );
});

function comparable(verdict: Verdict): unknown {
  if (!verdict.accepted) return verdict.reason;
  return { values: verdict.values, unknown: verdict.unknown.toSorted() };
}

function plain(dataset: Dataset): Members {
  return RULES[dataset].map(([name, kind]) => [`"${name}"`, GOOD[kind]]);
}

function replaced(at: number, value: string): (members: Members) => Members {
  return (members) => members.map(([name, before], index) => [name, index === at % members.length ? value : before]);
}

function endedBefore([name, value]: readonly [string, string]): readonly [string, string] {
  return [name, name === '"ended_at"' ? '"2026-01-05T14:02:03.499999Z"' : value];
}

/** The same name, written with an escape. */
function escaped([name, value]: readonly [string, string]): readonly [string, string] {
  const first = name.charAt(1);
  if (!/[a-z]/.test(first)) return [name, value];
  return [`"\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(2)}`, value];
}

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { callLegsContract } from '../../../schemas/call-legs.ts';
import { EVENT_HEAD, integer, optional, text } from '../../../schemas/event-fields.ts';
import { ivrCallsContract } from '../../../schemas/ivr-calls.ts';
import { surveysContract } from '../../../schemas/surveys.ts';
import { judge } from '../../../src/silver/judge.ts';

const utf8 = (body: string): Uint8Array => new TextEncoder().encode(body);
const verdict = (body: string, contract = surveysContract): string => {
  const result = judge(contract, body);
  const again = judge(contract, utf8(body));
  // A lone surrogate of the text itself has no UTF-8; everything else is judged alike in both forms.
  if (body.isWellFormed()) expect(again).toEqual(result);
  return result.accepted ? 'accepted' : result.reason;
};

const survey = {
  event_id: '"e1"',
  produced_at: '"2026-01-05T11:02:03.123456Z"',
  survey_id: '"s1"',
  call_id: '"c1"',
  sent_at: '"2026-01-05T11:02:03Z"',
  score: '7',
};
const leg = {
  event_id: '"e1"',
  produced_at: '"2026-01-05T11:02:03Z"',
  call_id: '"c1"',
  leg_id: '"l1"',
  customer_id: '1',
  agent_id: '1',
  started_at: '"2026-01-05T11:02:03.000001Z"',
  ended_at: '"2026-01-05T11:02:03.000001Z"',
  area: '"Cards"',
};
/** Values are JSON texts; a name may be escaped. */
const object = (members: Record<string, string>): string =>
  `{${Object.entries(members)
    .map(([name, value]) => `"${name}":${value}`)
    .join(',')}}`;
const reversed = (members: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(members).toReversed());
const valid = object(survey);
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const MEGABYTE = 2 ** 20;

describe('a body that is no JSON object', () => {
  test.each([
    ['an empty body', ''],
    ['a blank body', ' \t\r\n'],
    ['a byte-order mark before the object', `\uFEFF${valid}`],
    ['a byte-order mark alone', '\uFEFF'],
    ['text after the object', `${valid}x`],
    ['a second object', `${valid}${valid}`],
    ['a NUL after the object', `${valid}\u0000`],
    ['a no-break space after the object', `${valid}\u00A0`],
    ['a comment', `/* */${valid}`],
    ['a line comment', `${valid}// end`],
    ['NaN', object({ ...survey, x: 'NaN' })],
    ['Infinity', object({ ...survey, x: '-Infinity' })],
    ['a trailing comma', valid.replace('}', ',}')],
    ['a leading comma', valid.replace('{', '{,')],
    ['a trailing comma in an array', object({ ...survey, x: '[1,]' })],
    ['a missing colon', '{"a" 1}'],
    ['a missing value', '{"a":}'],
    ['a name without quotes', '{a:1}'],
    ['a name in single quotes', `{'a':1}`],
    ['an unclosed object', valid.slice(0, -1)],
    ['an unclosed string', '{"a":"b'],
    ['an unclosed escape', '{"a":"\\'],
    ['a short unicode escape', '{"a":"\\u12"}'],
    ['an unknown escape', '{"a":"\\x41"}'],
    ['an upper-case unicode escape', '{"a":"\\U0041"}'],
    ['a line end in a string', '{"a":"\n"}'],
    ['a tab in a string', '{"a":"\t"}'],
    ['a leading zero', object({ ...survey, score: '07' })],
    ['a leading plus', object({ ...survey, score: '+7' })],
    ['a bare minus', object({ ...survey, score: '-' })],
    ['a fraction without figures', object({ ...survey, score: '7.' })],
    ['a fraction alone', object({ ...survey, score: '.7' })],
    ['an exponent without figures', object({ ...survey, score: '7e' })],
    ['a hexadecimal number', object({ ...survey, score: '0x7' })],
    ['True', object({ ...survey, x: 'True' })],
    ['nullx', object({ ...survey, x: 'nullx' })],
    ['a closing bracket of the other kind', '{"a":[1}'],
    ['an array closed by a brace', '[1}'],
    ['a name twice', object({ ...survey, x: '1', '\\u0078': '2' })],
    ['a known name twice', valid.replace('}', ',"score":7}')],
    ['__proto__ twice', valid.replace('}', ',"__proto__":1,"__proto__":2}')],
    ['nesting of 101 arrays', nested(101)],
    ['nesting of 101 with the outermost object', object({ ...survey, x: nested(100) })],
    ['a number of 1,001 characters', object({ ...survey, x: '1'.repeat(1001) })],
    ['a fraction of 1,001 characters', object({ ...survey, x: `0.${'1'.repeat(999)}` })],
    ['a megabyte of brackets', '['.repeat(MEGABYTE)],
    ['a megabyte of open objects', '{"a":'.repeat(MEGABYTE / 5)],
    ['a megabyte of figures', '9'.repeat(MEGABYTE)],
    ['a megabyte of blanks', ' '.repeat(MEGABYTE)],
    ['a megabyte of backslashes', `"${'\\'.repeat(MEGABYTE + 1)}`],
    ['a lone surrogate outside a string', '\uD800'],
  ])('%s: not_json', (_, body) => {
    expect(verdict(body)).toBe('not_json');
  });

  test.each([
    ['an array', '[]'],
    ['an array of events', `[${valid}]`],
    ['a string', '"x"'],
    ['a number', '5'],
    ['null', 'null'],
    ['true', ' true '],
    ['nesting of 100 arrays', nested(100)],
  ])('%s: not_object', (_, body) => {
    expect(verdict(body)).toBe('not_object');
  });

  test.each([
    ['an invalid byte', [0x7b, 0xff, 0x7d]],
    ['a surrogate as bytes', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an overlong form', [0x22, 0xc0, 0xaf, 0x22]],
    ['a cut character', [0x22, 0xe2, 0x82]],
  ])('%s: not_utf8', (_, bytes) => {
    expect(judge(surveysContract, Uint8Array.from(bytes))).toEqual({ accepted: false, reason: 'not_utf8' });
  });

  test('a body that bronze keeps as base64: not_utf8', () => {
    expect(judge(surveysContract, null)).toEqual({ accepted: false, reason: 'not_utf8' });
  });
});

describe('a body that is an object', () => {
  test.each([
    ['the plain event', survey, 'accepted'],
    ['nesting of 100', { ...survey, x: nested(99) }, 'accepted'],
    ['a number of 1,000 characters in an unknown field', { ...survey, x: '1'.repeat(1000) }, 'accepted'],
    ['a number of 1,000 characters in a field', { ...survey, score: '1'.repeat(1000) }, 'range:score'],
    ['a name twice in an inner object', { ...survey, x: '{"a":1,"a":2}' }, 'accepted'],
    ['a lone surrogate in an unknown field', { ...survey, x: '"\\ud800"' }, 'accepted'],
    ['a lone surrogate as an unknown name', { ...survey, '\\udfff': '1' }, 'accepted'],
    ['a known name twice, once escaped', { ...survey, '\\u0073core': '7' }, 'not_json'],
    ['__proto__ as an unknown name', { ...survey, ['__proto__']: '{"score":1}' }, 'accepted'],
    ['a field only inside an inner object', { x: object(survey) }, 'missing:event_id'],
    ['nothing', {}, 'missing:event_id'],
    ['a null', { ...survey, score: 'null' }, 'missing:score'],
    ['a name in upper case', { ...survey, score: 'null', SCORE: '7' }, 'missing:score'],
    ['two wrong fields', { ...survey, call_id: '5', score: 'null' }, 'type:call_id'],
    [
      'two wrong fields in the other order of the text',
      reversed({ ...survey, call_id: '""', score: '"x"' }),
      'range:call_id',
    ],
  ])('%s', (_, members, expected) => {
    expect(verdict(object(members))).toBe(expected);
  });

  test('an escaped name is the same as the plain one', () => {
    expect(verdict(valid.replace('"score"', '"\\u0073c\\u006Fre"'))).toBe('accepted');
  });

  test('white space around every token changes nothing', () => {
    const spread = valid.replaceAll(/([{}:,])(?!\d\d)/g, ' \t\r\n$1 \t\r\n');
    expect(verdict(spread)).toBe('accepted');
  });

  test('a megabyte of unknown names is accepted and told', () => {
    const names = Array.from({ length: 90_000 }, (_, index) => [`x${index}`, '1']);
    const result = judge(surveysContract, object({ ...survey, ...Object.fromEntries(names) }));
    expect(result.accepted && result.unknown.length).toBe(90_000);
  });

  test('values come in the order of the contract, timestamps as microseconds', () => {
    const result = judge(
      surveysContract,
      object({ zone: '1', ...reversed(survey), constructor: '[]', ['__proto__']: '1' }),
    );
    expect(result).toEqual({
      accepted: true,
      values: {
        event_id: 'e1',
        produced_at: Date.UTC(2026, 0, 5, 11, 2, 3) * 1000 + 123_456,
        survey_id: 's1',
        call_id: 'c1',
        sent_at: Date.UTC(2026, 0, 5, 11, 2, 3) * 1000,
        score: 7,
      },
      unknown: ['zone', 'constructor', '__proto__'],
    });
    expect(Object.keys(result.accepted ? result.values : {})).toEqual(surveysContract.fields.map(({ name }) => name));
  });
});

describe('strings', () => {
  test.each([
    ['""', 'range:call_id'],
    [`"${'x'.repeat(128)}"`, 'accepted'],
    [`"${'x'.repeat(129)}"`, 'range:call_id'],
    [`"${'😀'.repeat(128)}"`, 'accepted'],
    [`"${'😀'.repeat(129)}"`, 'range:call_id'],
    [`"${'\\ud83d\\ude00'.repeat(128)}"`, 'accepted'],
    ['" "', 'accepted'],
    ['"\\ud800"', 'range:call_id'],
    ['"\\udc00"', 'range:call_id'],
    ['"\\ude00\\ud83d"', 'range:call_id'],
    ['"a\\ud83d"', 'range:call_id'],
    ['"\\u0000"', 'range:call_id'],
    ['"\\n"', 'range:call_id'],
    ['"\\u001f"', 'range:call_id'],
    ['"\\u007f"', 'range:call_id'],
    ['"\u007f"', 'range:call_id'],
    ['"\\u0080"', 'accepted'],
    ['"\\ufeff"', 'accepted'],
    ['"\ufeff"', 'accepted'],
    ['"\\/\\"\\\\"', 'accepted'],
    ['"\u2028"', 'accepted'],
    ['"\uffff"', 'accepted'],
    ['5', 'type:call_id'],
    ['true', 'type:call_id'],
    ['[]', 'type:call_id'],
    ['{}', 'type:call_id'],
    ['null', 'missing:call_id'],
  ])('%s: %s', (value, expected) => {
    expect(verdict(object({ ...survey, call_id: value }))).toBe(expected);
  });

  test('an escaped string is the same value as the plain one', () => {
    const result = judge(surveysContract, object({ ...survey, call_id: '"\\u0063\\u0031\\/\\ud83d\\ude00"' }));
    expect(result.accepted && result.values['call_id']).toBe('c1/😀');
  });
});

describe('integers', () => {
  test.each([
    ['score', '0', 'accepted'],
    ['score', '-0', 'accepted'],
    ['score', '10', 'accepted'],
    ['score', '11', 'range:score'],
    ['score', '-1', 'range:score'],
    ['score', '5.0', 'type:score'],
    ['score', '5e0', 'type:score'],
    ['score', '5E+0', 'type:score'],
    ['score', '0.5', 'type:score'],
    ['score', '1e400', 'type:score'],
    ['score', '"5"', 'type:score'],
    ['score', 'true', 'type:score'],
    ['score', '[5]', 'type:score'],
    ['score', '{}', 'type:score'],
    ['score', `1${'0'.repeat(400)}`, 'range:score'],
    ['score', `-1${'0'.repeat(400)}`, 'range:score'],
  ])('%s %s: %s', (name, value, expected) => {
    expect(verdict(object({ ...survey, [name]: value }))).toBe(expected);
  });

  test.each([
    ['customer_id', '0', 'range:customer_id'],
    ['customer_id', '-0', 'range:customer_id'],
    ['customer_id', '9007199254740991', 'accepted'],
    ['customer_id', '9007199254740992', 'range:customer_id'],
    ['customer_id', '9007199254740993', 'range:customer_id'],
    ['customer_id', '90071992547409910', 'range:customer_id'],
    ['customer_id', '-9007199254740991', 'range:customer_id'],
    ['agent_id', '0', 'range:agent_id'],
    ['agent_id', '2147483647', 'accepted'],
    ['agent_id', '2147483648', 'range:agent_id'],
  ])('%s %s: %s', (name, value, expected) => {
    expect(verdict(object({ ...leg, [name]: value }), callLegsContract)).toBe(expected);
  });

  test('-0 is 0', () => {
    const result = judge(surveysContract, object({ ...survey, score: '-0' }));
    expect(result.accepted && Object.is(result.values['score'], 0)).toBe(true);
  });
});

describe('timestamps', () => {
  test.each([
    ['2026-01-05T11:02:03Z', '2026-01-05T11:02:03.000Z', 0],
    ['2026-01-05T11:02:03.1Z', '2026-01-05T11:02:03.100Z', 0],
    ['2026-01-05T11:02:03.123456789Z', '2026-01-05T11:02:03.123Z', 456],
    ['2026-01-05T11:02:03.999999999Z', '2026-01-05T11:02:03.999Z', 999],
    ['2026-01-05T11:02:03.000001+05:30', '2026-01-05T05:32:03.000Z', 1],
    ['2026-01-05T11:02:03-03:00', '2026-01-05T14:02:03.000Z', 0],
    ['2026-01-05T11:02:03-00:00', '2026-01-05T11:02:03.000Z', 0],
    ['2026-01-05T11:02:03+23:59', '2026-01-04T11:03:03.000Z', 0],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z', 0],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z', 0],
    ['2000-01-01T00:00:00Z', '2000-01-01T00:00:00.000Z', 0],
    ['1999-12-31T23:00:00-01:00', '2000-01-01T00:00:00.000Z', 0],
    ['2099-12-31T23:59:59.999999999Z', '2099-12-31T23:59:59.999Z', 999],
    ['2100-01-01T00:59:59+01:00', '2099-12-31T23:59:59.000Z', 0],
  ])('%s is %s and %i µs', (value, instant, microseconds) => {
    const result = judge(surveysContract, object({ ...survey, sent_at: `"${value}"` }));
    expect(result.accepted && result.values['sent_at']).toBe(Date.parse(instant) * 1000 + microseconds);
  });

  test.each([
    '',
    '2026-01-05',
    '2026-01-05T11:02Z',
    '2026-01-05T11:02:03',
    '2026-01-05 11:02:03Z',
    '2026-01-05t11:02:03Z',
    '2026-01-05T11:02:03z',
    '2026-01-05T11:02:03.Z',
    '2026-01-05T11:02:03.1234567890Z',
    '2026-01-05T11:02:03,5Z',
    '2026-01-05T11:02:03+0300',
    '2026-01-05T11:02:03+03',
    '2026-01-05T11:02:03+24:00',
    '2026-01-05T11:02:03+03:60',
    '2026-01-05T11:02:03\u221203:00',
    '2026-01-05T11:02:03Z ',
    ' 2026-01-05T11:02:03Z',
    '2026-01-05T11:02:03Z\\n',
    '2026-01-05T11:02:03+03:00Z',
    '2026-01-05T24:00:00Z',
    '2026-01-05T11:60:03Z',
    '2026-01-05T11:02:60Z',
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-05T00:00:00Z',
    '2026-13-05T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '26-01-05T11:02:03Z',
    '+2026-01-05T11:02:03Z',
    '２026-01-05T11:02:03Z',
    '1999-12-31T23:59:59.999999Z',
    '2000-01-01T00:00:00+00:01',
    '2100-01-01T00:00:00Z',
    '2099-12-31T23:59:59-00:01',
    '9999-12-31T23:59:59Z',
  ])('%s: range', (value) => {
    expect(verdict(object({ ...survey, sent_at: `"${value}"` }))).toBe('range:sent_at');
  });

  test('a number is of another kind', () => {
    expect(verdict(object({ ...survey, sent_at: '1767610923' }))).toBe('type:sent_at');
  });
});

describe('the end', () => {
  test.each([
    ['"2026-01-05T11:02:03.000001Z"', 'accepted'],
    ['"2026-01-05T11:02:03.000000999Z"', 'ends_before_start'],
    ['"2026-01-05T08:02:03.000001-03:00"', 'accepted'],
    ['"2026-01-05T11:02:03.000001+00:01"', 'ends_before_start'],
  ])('%s after a start at 11:02:03.000001Z: %s', (ended, expected) => {
    expect(verdict(object({ ...leg, ended_at: ended }), callLegsContract)).toBe(expected);
  });

  test('digits past the sixth are cut before it is compared', () => {
    const times = { started_at: '"2026-01-05T11:02:03.0000019Z"', ended_at: '"2026-01-05T11:02:03.000001Z"' };
    expect(verdict(object({ ...leg, ...times }), callLegsContract)).toBe('accepted');
  });

  test('an end before the start is told only where every field is right', () => {
    const late = { ...leg, ended_at: '"2026-01-05T11:02:02Z"', area: '""' };
    expect(verdict(object(late), callLegsContract)).toBe('range:area');
  });
});

test('booleans are true and false and nothing else', () => {
  const call = {
    ...leg,
    authenticated: 'true',
    options_navigated: '1000',
    option_code: `"${'x'.repeat(16)}"`,
    transferred: 'false',
    queue_id: `"${'x'.repeat(64)}"`,
  };
  expect(verdict(object(call), ivrCallsContract)).toBe('accepted');
  for (const value of ['0', '"true"', '[]']) {
    expect(verdict(object({ ...call, transferred: value }), ivrCallsContract)).toBe('type:transferred');
  }
  expect(verdict(object({ ...call, option_code: `"${'x'.repeat(17)}"` }), ivrCallsContract)).toBe('range:option_code');
  expect(verdict(object({ ...call, queue_id: `"${'x'.repeat(65)}"` }), ivrCallsContract)).toBe('range:queue_id');
  expect(verdict(object({ ...call, options_navigated: '1001' }), ivrCallsContract)).toBe('range:options_navigated');
});

test('an optional field may be missing or null and is then null, and is judged where it is there', () => {
  const contract = {
    event: z.object({ ...EVENT_HEAD, note: optional(text()), rank: optional(integer(0, 9)) }),
    fields: ['event_id', 'produced_at', 'note', 'rank'].map((name) => ({ name, type: 'string' as const })),
  };
  const head = { event_id: survey.event_id, produced_at: survey.produced_at };
  const judged = (members: Record<string, string>): unknown => {
    const result = judge(contract, object({ ...head, ...members }));
    return result.accepted ? [result.values['note'], result.values['rank']] : result.reason;
  };
  expect(judged({})).toEqual([null, null]);
  expect(judged({ note: 'null', rank: 'null' })).toEqual([null, null]);
  expect(judged({ note: '"n"', rank: '3' })).toEqual(['n', 3]);
  expect(judged({ note: '5' })).toBe('type:note');
  expect(judged({ note: '""' })).toBe('range:note');
  expect(judged({ rank: '10' })).toBe('range:rank');
});

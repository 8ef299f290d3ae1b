import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EVENT_HEAD, inOrder, integer, optional, text, timestamp } from '../../../schemas/event-fields.ts';
import { callCentre } from '../../../src/pipeline.ts';
import { openDatabase, type Database } from '../../../src/duckdb/duckdb.ts';
import { eventRules } from '../../../src/silver/event-rules.ts';
import { judge } from '../../../src/silver/judge.ts';
import { bodyOf, templateOf } from '../../support/bent-bodies.ts';
import { randomFrom } from '../../support/hostile-stream.ts';
import { present } from '../../support/small-lake.ts';
import {
  JUDGEABLE,
  judgeBothWays,
  judgeBytes,
  tryBodies,
  tryEdges,
  type Judgeable,
  type Tried,
} from '../../support/two-path-judging.ts';

const MEGABYTE = 2 ** 20;
const surveys = present(callCentre.datasets.find(({ name }) => name === 'surveys'));
const survey = {
  event_id: 'e',
  produced_at: '2026-01-05T11:02:03.123456Z',
  survey_id: 's',
  call_id: 'c',
  sent_at: '2026-01-05T11:02:03Z',
  score: 7,
};
const ESCAPES =
  String.raw`\u0041 \u00e9 \u20ac \ud83d\ude00 \ud800 \udc00 \ud800\ud800 \udc00\udc00 \udc00\ud800 \ud800x \/ \" \\ ` +
  String.raw`\b \n \u007f \u0080 \u001f \u12 \x \U0041 \ud83d\u0041 \ud83d`;
const VALUES =
  String.raw`[1,]|[,1]|[1 2]|[]|[ ]|[[],{}]|{"a":1,}|{"a"}|{"a":}|{a:1}|{,}|{"a":1 "b":2}|{"a":1,"a":2}|[1|{"a":1|` +
  String.raw`-|01|-01|1.|.5|1e|1e+|1E5|1e-5|-0|-0.0|0x1|+1|NaN|1.5.5|00|tru|nul|true|null|"\x"|"\u12"|"\u12g4"|` +
  String.raw`"\ud800"|"\t"|"\\"|"\"`;
const surveyBody = (other: object = {}): string => JSON.stringify({ ...survey, ...other });

let database: Database;
beforeAll(async () => {
  database = await openDatabase({ memoryBytesMax: 256 * MEGABYTE, threads: 1, temporaryFolder: tmpdir() });
});
afterAll(() => database.close());

describe('both paths together', () => {
  test('whatever the body, its verdict, values and unknown fields are those of zod alone', async () => {
    const tried: Tried[] = [];
    // `npm run test:judge` goes on from here.
    for (let seed = 1; seed <= 6; seed++) tried.push(await tryBodies(database, seed, 500));
    const sum = (figure: 'bodies' | 'accepted' | 'scanned'): number =>
      tried.reduce((total, each) => total + each[figure], 0);
    console.log(`judging: ${sum('bodies')} bodies; ${sum('accepted')} accepted, ${sum('scanned')} scanned`);
    expect(sum('scanned')).toBeGreaterThan(300);
    expect(sum('accepted') - sum('scanned')).toBeGreaterThan(300);
    expect(sum('bodies') - sum('accepted')).toBeGreaterThan(300);
  });

  test.each(JUDGEABLE.map((dataset) => [dataset.name, dataset] as const))(
    'each field of %s at each of its edges: as zod alone says',
    async (_, dataset) => {
      const { bodies, scanned } = await tryEdges(database, dataset);
      expect(scanned).toBeGreaterThan(bodies / 20);
    },
  );

  test('unknown names of a row stand in its order, whichever path judged the first row that has them', async () => {
    // The first is zod's, since a name of it has an escape; the others have the names the other way round.
    const first = surveyBody({ b: 1, a: 1 }).replace('call_id', String.raw`call\u005fid`);
    const others = Array.from({ length: 10 }, () => surveyBody({ a: 1, b: 1 }));
    const tried = await judgeBothWays(database, surveys, [first, ...others], 'order of names');
    expect(tried).toMatchObject({ accepted: 11, scanned: 10 });
  });

  test('what is hardly JSON, and escapes of all kinds', async () => {
    const odd = ['x', '{}', ',', '}', '\0', '\u00a0', ' ', '\n'];
    const around = odd.flatMap((piece) => [surveyBody() + piece, piece + surveyBody()]);
    const texts = ESCAPES.split(' ').map((escape) => surveyBody().replace('"c"', `"${escape}"`));
    const unknown = VALUES.split('|').map((value) => surveyBody().replace('{', `{"x":${value},`));
    const tried = await judgeBothWays(database, surveys, [...around, ...texts, ...unknown], 'hardly JSON');
    expect(tried.scanned).toBeGreaterThan(20);
  });

  test('more unknown names than are shown: the first twenty are told', async () => {
    const bodies = Array.from({ length: 60 }, (_, at) => surveyBody({ [`n${at % 40}`]: 1, common: [] }));
    expect(await judgeBothWays(database, surveys, bodies, 'many names')).toMatchObject({ accepted: 60 });
  });

  test('bodies of a megabyte are judged beside small ones', async () => {
    const large = 'x'.repeat(MEGABYTE - 400);
    const bodies = [
      surveyBody({ large }),
      surveyBody(),
      surveyBody({ event_id: large }),
      '{"a":'.repeat(MEGABYTE / 5),
      '9'.repeat(MEGABYTE),
      null,
      `${surveyBody()}${' '.repeat(MEGABYTE / 2)}`,
    ];
    const tried = await judgeBothWays(database, surveys, bodies, 'large bodies');
    expect(tried).toMatchObject({ accepted: 3, scanned: 3 });
  });
});

test('bytes as they come, UTF-8 or not: the verdict of zod alone', async () => {
  const random = randomFrom(3);
  let [accepted, notUtf8] = [0, 0];
  for (const dataset of JUDGEABLE) {
    const bodies = Array.from({ length: 1500 }, (): Uint8Array => {
      const template = templateOf(random, present(eventRules(dataset)));
      const bytes = Buffer.from(bodyOf(random, template, 'none'));
      for (let edit = random.below(3); edit > 0; edit--) {
        bytes[random.below(bytes.length)] = random.pick([0x22, 0x5c, 0x7f, 0x80, 0xc3, 0xed, 0xff, random.below(256)]);
      }
      return bytes;
    });
    const alone = bodies.map((body) => judge(dataset, body));
    const found = await judgeBytes(dataset, bodies);
    const reasons = new Map<string, number>();
    for (const verdict of alone) {
      if (!verdict.accepted) reasons.set(verdict.reason, (reasons.get(verdict.reason) ?? 0) + 1);
    }
    expect(found.accepted).toBe(alone.filter((verdict) => verdict.accepted).length);
    expect(found.rejected).toEqual(Object.fromEntries(reasons));
    accepted += found.accepted;
    notUtf8 += found.rejected['not_utf8'] ?? 0;
  }
  expect(accepted).toBeGreaterThan(500);
  expect(notUtf8).toBeGreaterThan(500);
});

describe('a contract as rules', () => {
  const contract = (event: Judgeable['event']): Judgeable => ({ ...surveys, event });
  const fields = { ...EVENT_HEAD, survey_id: text(), call_id: text(), sent_at: timestamp(), score: integer(0, 10) };

  test('whatever is made of the known kinds has rules', () => {
    for (const dataset of JUDGEABLE) expect(eventRules(dataset)?.fields.length).toBe(dataset.fields.length);
    expect(eventRules(contract(z.object(fields)))).toMatchObject({ orders: [] });
  });

  const order = inOrder('score', 'score');
  test.each<[string, Judgeable['event']]>([
    ['a field that was refined', z.object({ ...fields, call_id: text().refine((id) => id !== 'c') })],
    ['a field of zod itself', z.object({ ...fields, call_id: z.string() })],
    ['an optional field of another kind', z.object({ ...fields, call_id: optional(z.string()) })],
    ['a check of the whole event', z.object(fields).refine(({ score }) => score !== 7)],
    ['an order that is checked only sometimes', z.object(fields).refine(order, { when: () => false })],
    [
      'an order of a field that may be null',
      z.object({ ...fields, score: optional(integer(0, 10)) }).refine(order as never),
    ],
    ['an order of texts', z.object(fields).refine(inOrder('call_id', 'survey_id') as never)],
    ['unknown fields refused', z.strictObject(fields)],
    ['a transformed event', z.object(fields).transform((event) => event)],
    ['one field more than columns', z.object({ ...fields, more: text() })],
    ['another kind than the column', z.object({ ...fields, call_id: integer(1, 2) })],
  ])('%s has none, and zod judges every event', async (_, event) => {
    const dataset = contract(event);
    expect(eventRules(dataset)).toBeUndefined();
    const tried = await judgeBothWays(database, { ...dataset, name: 'other' }, ['', surveyBody()], 'no rules');
    expect(tried.scanned).toBe(0);
  });
});

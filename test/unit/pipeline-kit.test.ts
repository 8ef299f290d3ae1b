import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import * as kit from '../../src/pipeline-kit.ts';
import { judge } from '../../src/silver/judge.ts';
import { root } from '../support/source-tree.ts';

const guide = readFileSync(`${root}/docs/your-own-pipeline.md`, 'utf8');

test('a contract made of the kit is judged as the engine judges its own', () => {
  const event = kit.z.object({ ...kit.EVENT_HEAD, level: kit.integer(-5, 5), note: kit.optional(kit.text(1, 4)) });
  const fields = [...kit.EVENT_COLUMNS, { name: 'level', type: 'integer' }, { name: 'note', type: 'string' }] as const;
  const body = (more: object): string =>
    JSON.stringify({ event_id: 'e', produced_at: '2026-01-05T00:00:00Z', level: -3, ...more });
  expect(judge({ event, fields }, body({ note: 'ok', odd: 1 }))).toMatchObject({
    accepted: true,
    values: { level: -3, note: 'ok' },
    unknown: ['odd'],
  });
  expect(judge({ event, fields }, body({}))).toMatchObject({ accepted: true, values: { note: null } });
  expect(judge({ event, fields }, body({ level: 6 }))).toMatchObject({ reason: 'range:level' });
  expect(judge({ event, fields }, body({ note: 5 }))).toMatchObject({ reason: 'type:note' });
});

test('the package and its own examples import the kit by the same name', async () => {
  const { readings } = await import('../../examples/iot-readings/readings.ts');
  const body = { event_id: 'e', produced_at: '2026-01-05T00:00:00Z', reading_id: 'r', sensor_id: 's' };
  const reading = { ...body, measured_at: '2026-01-05T00:00:00Z', temperature_milli: 1 };
  expect(judge(readings, JSON.stringify(reading))).toMatchObject({ accepted: true });
});

test('a contract of another copy of the kit judges the same: the engine may be a bundle', async () => {
  mkdirSync(`${root}/.cache`, { recursive: true });
  const copy = mkdtempSync(`${root}/.cache/kit-`);
  try {
    for (const part of ['schemas', 'src/base']) cpSync(`${root}/${part}`, `${copy}/${part}`, { recursive: true });
    cpSync(`${root}/src/pipeline-kit.ts`, `${copy}/src/pipeline-kit.ts`);
    const other = (await import(pathToFileURL(`${copy}/src/pipeline-kit.ts`).href)) as typeof kit;
    expect(other.integer).not.toBe(kit.integer);
    const event = other.z.object({
      ...other.EVENT_HEAD,
      level: other.integer(0, 5),
      note: other.text(),
      on: other.flag(),
    });
    const fields = [...other.EVENT_COLUMNS, { name: 'level', type: 'integer' }] as const;
    const body = { event_id: 'e', produced_at: '2026-01-05T00:00:00Z', level: 5, note: 'n', on: true };
    expect(judge({ event, fields }, JSON.stringify(body))).toMatchObject({ accepted: true, values: { level: 5 } });
    expect(judge({ event, fields }, JSON.stringify({ ...body, level: 5.5 }))).toMatchObject({ reason: 'type:level' });
    expect(judge({ event, fields }, JSON.stringify({ ...body, level: [5] }))).toMatchObject({ reason: 'type:level' });
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('what the guide shows of the example stands in the example', () => {
  const shown = [...guide.matchAll(/^`(examples\/[^`]+)`:\n+```\w*\n([\s\S]*?)```/gm)];
  expect(shown.length).toBeGreaterThanOrEqual(6);
  const differing = shown.filter(([, file, text]) => {
    const found = readFileSync(`${root}/${file}`, 'utf8');
    return (text ?? '').split(/^(?:\/\/|--) …\n/m).some((part) => !found.includes(part.trim()));
  });
  expect(differing.map((match) => match[1])).toEqual([]);
});

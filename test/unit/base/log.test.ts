import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createLog, silentLog } from '../../../src/base/log.ts';
import type { LogLevel } from '../../../src/base/log.ts';

function written(format: 'text' | 'json', level: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLog({ level, format, write: (line) => lines.push(line), now: () => Date.UTC(2026, 0, 5) });
  log.debug('plan made', { partitions: 4 });
  log.warn('checkpoint ahead', { partition: '0', ignored: undefined });
  return lines;
}

test('elsewhere than on a terminal a line is one JSON object with time, level, message and fields', () => {
  expect(written('json', 'debug').map((line) => JSON.parse(line) as unknown)).toEqual([
    { time: '2026-01-05T00:00:00.000Z', level: 'debug', message: 'plan made', partitions: 4 },
    { time: '2026-01-05T00:00:00.000Z', level: 'warn', message: 'checkpoint ahead', partition: '0' },
  ]);
});

test('what is below the level is not written', () => {
  expect(written('json', 'warn')).toHaveLength(1);
});

test('on a terminal a line is text without absent fields', () => {
  expect(stripVTControlCharacters(written('text', 'warn')[0] ?? '')).toBe('warn  checkpoint ahead partition=0\n');
});

test('the silent log takes everything and writes nothing', () => {
  expect([silentLog.info('x'), silentLog.error('y')]).toEqual([undefined, undefined]);
});

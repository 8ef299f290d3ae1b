import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventSlices } from '../../../src/hub/event-frame.ts';
import { FrameReader } from '../../../src/hub/frame-reader.ts';
import { PartitionLog } from '../../../src/hub/partition-log.ts';

let folder: string;
let log: PartitionLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hub-log-'));
  log = new PartitionLog(folder, '0');
});

afterEach(() => {
  log.close();
  rmSync(folder, { recursive: true });
});

function events(...bodies: string[]): EventSlices {
  const payload = Buffer.from(bodies.join(''));
  let end = 0;
  const ends = bodies.map((body) => (end += Buffer.byteLength(body)));
  return { payload, ends, starts: [0, ...ends.slice(0, -1)] };
}

/** What follows the annotations of each frame, from a number on. */
function read(from: number, bodyBytes: number): string[] {
  const reader = new FrameReader(log, from);
  const bodies: string[] = [];
  for (let run = reader.take(3); run !== undefined; run = reader.take(3)) {
    for (let at = 0; at < run.bytes.length; at += run.bytes.readUInt32BE(at)) {
      const end = at + run.bytes.readUInt32BE(at);
      bodies.push(run.bytes.toString('utf8', end - bodyBytes, end));
    }
  }
  return bodies;
}

function reopen(): void {
  log.close();
  log = new PartitionLog(folder, '0');
}

const file = (ending: string): string => {
  const name = readdirSync(folder).findLast((one) => one.endsWith(ending));
  if (name === undefined) throw new Error(`no ${ending}`);
  return join(folder, name);
};

describe('a partition on disk', () => {
  it('numbers events from 0 without a hole and gives them back in order', () => {
    log.append(events('a0', 'a1'), 1000);
    log.append(events('b0'), 1001);
    log.append(events('c0', 'c1', 'c2'), 1002);
    expect([log.firstSequenceNumber, log.nextSequenceNumber]).toEqual([0, 6]);
    expect(read(0, 2)).toEqual(['a0', 'a1', 'b0', 'c0', 'c1', 'c2']);
    expect(read(4, 2)).toEqual(['c1', 'c2']);
    expect(read(6, 2)).toEqual([]);
  });

  it('has what was appended when it is opened again, and goes on counting', () => {
    log.append(events('a0', 'a1'), 1000);
    const { last } = log;
    reopen();
    expect(log.last).toEqual(last);
    log.append(events('b0'), 900);
    expect(read(0, 2)).toEqual(['a0', 'a1', 'b0']);
    expect(log.last).toMatchObject({ sequenceNumber: 2, enqueuedAtMs: 1000 });
  });

  it('cuts off frames that were written without their index entry', () => {
    log.append(events('a0', 'a1'), 1000);
    const before = readFileSync(file('.events')).length;
    appendFileSync(file('.events'), 'half an append');
    reopen();
    expect(readFileSync(file('.events')).length).toBe(before);
    log.append(events('b0'), 1001);
    expect(read(0, 2)).toEqual(['a0', 'a1', 'b0']);
  });

  it('cuts off a whole append whose bytes did not all reach the disk', () => {
    log.append(events('a0', 'a1'), 1000);
    log.append(events('b0', 'b1'), 1001);
    const path = file('.events');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 0;
    writeFileSync(path, bytes);
    reopen();
    expect(log.nextSequenceNumber).toBe(2);
    expect(read(0, 2)).toEqual(['a0', 'a1']);
  });

  it('cuts off an index entry that is torn', () => {
    log.append(events('a0'), 1000);
    log.append(events('b0'), 1001);
    truncateSync(file('.index'), readFileSync(file('.index')).length - 1);
    reopen();
    expect(read(0, 2)).toEqual(['a0']);
  });

  it('reads on over segments, also after opening them again', () => {
    const big = 'x'.repeat(1_000_000);
    for (let i = 0; i < 70; i++) log.append(events(`${big}${String(i).padStart(2, '0')}`), 1000 + i);
    expect(readdirSync(folder).filter((name) => name.endsWith('.events'))).toHaveLength(3);
    reopen();
    const numbers = Array.from({ length: 70 }, (_, i) => String(i).padStart(2, '0'));
    expect(read(0, 2)).toEqual(numbers);
    expect(read(41, 2)).toEqual(numbers.slice(41));
    log.expireBefore(60);
    expect(readdirSync(folder).filter((name) => name.endsWith('.events'))).toHaveLength(2);
    expect(read(0, 2)).toEqual(numbers.slice(60));
  });
});

describe('positions in a partition', () => {
  beforeEach(() => {
    log.append(events('a0', 'a1'), 1000);
    log.append(events('b0'), 2000);
    log.append(events('c0', 'c1'), 3000);
  });

  it('finds sequence numbers, and waits for one beyond the end', () => {
    expect(log.locate({ kind: 'sequence', value: 2, inclusive: false })).toBe(3);
    expect(log.locate({ kind: 'sequence', value: 2, inclusive: true })).toBe(2);
    expect(log.locate({ kind: 'sequence', value: 90, inclusive: false })).toBe(91);
  });

  it.each([
    [999, false, 0],
    [1000, true, 0],
    [1000, false, 2],
    [2500, false, 3],
    [3000, true, 3],
    [3000, false, 5],
    [Number.MAX_SAFE_INTEGER - 1, false, 5],
  ])('from time %d (inclusive: %s) begins at %d', (value, inclusive, expected) => {
    expect(log.locate({ kind: 'time', value, inclusive })).toBe(expected);
  });

  it('finds an event by its own offset, and the next one after it', () => {
    const value = Number(log.last.offset);
    expect(log.locate({ kind: 'offset', value, inclusive: true })).toBe(4);
    expect(log.locate({ kind: 'offset', value, inclusive: false })).toBe(5);
    expect(log.locate({ kind: 'offset', value: value - 1, inclusive: false })).toBe(4);
    expect(log.locate({ kind: 'offset', value: 0, inclusive: true })).toBe(0);
    expect(log.locate({ kind: 'offset', value: 0, inclusive: false })).toBe(1);
  });

  it('begins at the first retained number when asked for less', () => {
    log.expireBefore(3);
    expect(log.locate({ kind: 'earliest' })).toBe(3);
    expect(log.locate({ kind: 'sequence', value: 0, inclusive: true })).toBe(3);
  });
});

describe('retention', () => {
  it('forgets events older than asked for, and remembers that across a restart', () => {
    log.append(events('a0', 'a1'), 1000);
    log.append(events('b0'), 2000);
    log.expireOlderThan(1500);
    reopen();
    expect(log.firstSequenceNumber).toBe(2);
    expect(read(0, 2)).toEqual(['b0']);
  });

  it('keeps the last number, offset and time of a partition that retains nothing', () => {
    log.append(events('a0', 'a1'), 1000);
    const { last } = log;
    log.expireOlderThan(5000);
    reopen();
    expect([log.firstSequenceNumber, log.nextSequenceNumber, log.isEmpty]).toEqual([2, 2, true]);
    expect(log.last).toEqual(last);
    log.append(events('b0'), 6000);
    expect(log.last.sequenceNumber).toBe(2);
    expect(read(0, 2)).toEqual(['b0']);
  });

  it('takes a reader that is behind to the first event that is left', () => {
    log.append(events('a0', 'a1'), 1000);
    log.append(events('b0', 'b1'), 2000);
    const reader = new FrameReader(log, 0);
    reader.take(1);
    log.expireBefore(3);
    expect(reader.take(5)?.count).toBe(1);
    expect(reader.sequenceNumber).toBe(4);
  });
});

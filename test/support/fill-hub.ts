import { join } from 'node:path';
import { legBody, randomNumbers } from '../../bench/bodies.ts';
import { PartitionLog } from '../../src/hub/partition-log.ts';

/** What waits in a hub: `counts[i]` events in partition i. */
export interface HubShape {
  readonly name: string;
  readonly counts: readonly number[];
  /** Bytes of a body; a leg's 300 where it is not said. */
  readonly bodyBytes?: number;
  /** Larger bodies are padded with blanks: small in a file, and large in memory. */
  readonly blank?: boolean;
}

/** Appended at once: more would be one write of many megabytes. */
const DELIVERY_BYTES_MAX = 1_000_000;

/**
 * Writes the partitions of a hub into its data folder, past AMQP: five million events take seconds, not minutes. The
 * bodies are legs with random ids, larger ones padded with what a compressor cannot guess.
 */
export function fillHub(dataFolder: string, { name, counts, bodyBytes = 0, blank = false }: HubShape): void {
  const random = randomNumbers(20260105);
  const bodyOf = (): Buffer => (blank ? blankBody(random, bodyBytes) : body(random, bodyBytes));
  for (const [index, count] of counts.entries()) {
    const log = new PartitionLog(join(dataFolder, 'hubs', name, String(index)), String(index));
    for (let done = 0; done < count;) done += appendSome(log, count - done, bodyOf, bodyBytes);
    log.close();
  }
}

function appendSome(log: PartitionLog, countMax: number, bodyOf: () => Buffer, bodyBytes: number): number {
  const [pieces, starts, ends]: [Buffer[], number[], number[]] = [[], [], []];
  let used = 0;
  while (starts.length < countMax && (used === 0 || used + bodyBytes < DELIVERY_BYTES_MAX)) {
    const section = dataSection(bodyOf());
    pieces.push(section);
    starts.push(used);
    used += section.length;
    ends.push(used);
  }
  log.append({ payload: Buffer.concat(pieces), starts, ends }, Date.UTC(2026, 0, 5));
  return starts.length;
}

function body(random: () => number, bytes: number): Buffer {
  const leg = legBody(random);
  const padding = bytes - leg.length - ',"padding":""'.length;
  if (padding <= 0) return Buffer.from(leg);
  const rest = Buffer.alloc(padding, ' ');
  for (let at = 0; at + 8 <= rest.length; at += 8) rest.write(random().toString(16).padStart(8, '0'), at);
  return Buffer.concat([Buffer.from(`${leg.slice(0, -1)},"padding":"`), rest, Buffer.from('"}')]);
}

/** White space behind an object is none of it. */
function blankBody(random: () => number, bytes: number): Buffer {
  const leg = Buffer.from(legBody(random));
  return Buffer.concat([leg, Buffer.alloc(Math.max(0, bytes - leg.length), ' ')]);
}

/** An AMQP data section with a four-byte length. */
function dataSection(bytes: Buffer): Buffer {
  const head = Buffer.from([0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

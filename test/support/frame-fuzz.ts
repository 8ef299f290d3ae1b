import { randomNumbers } from '../../bench/bodies.ts';
import { checkControlFrame } from '../../src/eventhubs/direct/check-frame.ts';
import { FrameParser, ProtocolViolation } from '../../src/eventhubs/direct/frame-parser.ts';
import { AMQP_HEADER, annotations, bytesOf, compound, concat, data, described, frame, transfer } from './amqp-bytes.ts';
import { linkOf } from './link-bench.ts';
import { oddEvent } from './odd-events.ts';

export interface FuzzTally {
  frames: number;
  /** Streams that ended in a ProtocolViolation, and in nothing. */
  refused: number;
  sound: number;
  events: number;
}

type Random = () => number;
const below = (random: Random, end: number): number => Math.floor((random() / 2 ** 32) * end);

/**
 * Streams of frames by somebody who knows the format and breaks it: lengths, counts, types, descriptors and cuts. Gives
 * what became of them; throws what is no ProtocolViolation, with the seed.
 */
export function fuzzFrames(framesMin: number, firstSeed: number): FuzzTally {
  const tally: FuzzTally = { frames: 0, refused: 0, sound: 0, events: 0 };
  for (let seed = firstSeed; tally.frames < framesMin; seed++) {
    try {
      fuzzStream(randomNumbers(seed), tally);
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
  }
  return tally;
}

/** One link and its stream, handed on in pieces of any size. */
function fuzzStream(random: Random, tally: FuzzTally): void {
  const bench = linkOf({ lastSequenceNumber: 1000, bytesMax: 2 ** 20 });
  const frames = Array.from({ length: 1 + below(random, 12) }, (_, i) => broken(oneFrame(random, i), random));
  tally.frames += frames.length;
  const stream = concat(...frames);
  try {
    for (let at = 0; at < stream.length;) {
      const size = 1 + below(random, stream.length);
      bench.input(stream.subarray(at, at + size));
      at += size;
    }
    controls(stream);
    tally.sound++;
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    tally.refused++;
  }
  tally.events += Math.min(bench.link.nextWanted, frames.length);
}

/** The same bytes as control frames: what rhea would be given. */
function controls(stream: Buffer): void {
  const bytes = concat(AMQP_HEADER, stream);
  new FrameParser().parse(bytes, 0, bytes.length, {
    isHeld: false,
    linkOf: () => undefined,
    control: (from, start, end) => from[start] === 0x41 || checkControlFrame(from, start, end),
  });
}

function oneFrame(random: Random, sequenceNumber: number): Buffer {
  switch (below(random, 8)) {
    case 0:
      return frame(below(random, 3), described(below(random, 0x20), compound(0xd0, [oddValue(random, 0)])));
    case 1:
      return frame(1);
    case 2:
      return transfer({ more: true, settled: random() % 2 === 0, deliveryId: sequenceNumber }, oddEvent(random));
    case 3:
      return transfer({ aborted: true }, Buffer.alloc(0));
    case 4:
      return transfer({}, concat(described(0x72, compound(0xc1, [oddValue(random, 0), oddValue(random, 0)]))));
    default: {
      const event = concat(annotations({ sequenceNumber, partitionKey: 'k' }), oddEvent(random));
      return transfer({ deliveryId: sequenceNumber }, random() % 2 === 0 ? event : concat(event, data(event)));
    }
  }
}

function oddValue(random: Random, depth: number): Buffer {
  const code =
    [0x40, 0x41, 0x43, 0x45, 0x50, 0x71, 0x81, 0xa1, 0xb0, 0xc0, 0xd1, 0xe0, 0xf0, 0][below(random, 14)] ?? 0;
  const inner =
    depth > 5 || random() % 3 === 0 ? Buffer.alloc(below(random, 12), random()) : oddValue(random, depth + 1);
  return concat(bytesOf(code), inner);
}

/** Most frames are left sound; the others have some bytes changed, are cut, or say another length. */
function broken(bytes: Buffer, random: Random): Buffer {
  const kind = below(random, 8);
  if (kind > 3) return bytes;
  const out = Buffer.from(bytes);
  for (let i = 0; i <= kind; i++) out[below(random, out.length)] = random() % 4 === 0 ? 0xff : random() & 0xff;
  if (kind === 3) return out.subarray(0, below(random, out.length));
  return out;
}

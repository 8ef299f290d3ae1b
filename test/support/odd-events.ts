import { binary, bytesOf, compound, concat, data, described, long, symbol, text, uint } from './amqp-bytes.ts';

type Random = () => number;

/** What of an event a client sends: the sections after the service's annotations, of every kind, sound or not. */
export function oddEvent(random: Random): Buffer {
  const pick = Math.floor((random() / 2 ** 32) * KINDS.length);
  return (KINDS[pick] as (random: Random) => Buffer)(random);
}

const below = (random: Random, end: number): number => Math.floor((random() / 2 ** 32) * end);

function bytes(random: Random, lengthMax: number): Buffer {
  const out = Buffer.alloc(below(random, lengthMax + 1));
  for (let i = 0; i < out.length; i++) out[i] = random() & 0xff;
  return out;
}

const plain = (random: Random): Buffer => data(Buffer.from(`{"n":${random()},"t":"${'é'.repeat(below(random, 99))}"}`));

const properties = (random: Random): Buffer =>
  described(
    0x74,
    compound(0xd1, [
      text('n'),
      long(BigInt(random()) << 24n),
      text('ü'),
      text(bytes(random, 9).toString('base64')),
      text('b'),
      binary(bytes(random, 9)),
      text('u'),
      concat(bytesOf(0x98), Buffer.alloc(16, random() & 0xff)),
      text('s'),
      symbol('sym'),
    ]),
  );

const header = described(0x70, compound(0xc0, [bytesOf(0x41)]));
const deliveryAnnotations = described(0x71, compound(0xc1, [symbol('x-opt-other'), uint(7)]));
const messageProperties = described(0x73, compound(0xc0, [text('id'), bytesOf(0x40), text('to')]));
const footer = described(0x78, compound(0xc1, [symbol('f'), uint(1)]));

const KINDS: readonly ((random: Random) => Buffer)[] = [
  plain,
  plain,
  plain,
  plain,
  (random) => concat(properties(random), plain(random)),
  (random) => concat(messageProperties, properties(random), plain(random), footer),
  (random) => concat(plain(random), plain(random), data(Buffer.alloc(0))),
  (random) => described(0x75, binary(bytes(random, 600)), 'long'),
  (random) => described(0x75, binary(bytes(random, 600)), 'amqp:data:binary'),
  (random) => data(bytes(random, 9)),
  () => data(Buffer.alloc(0)),
  (random) => described(0x77, text(bytes(random, 60).toString('latin1'), 0xb1)),
  (random) => described(0x77, long(BigInt(random()))),
  (random) => described(0x77, compound(0xc1, [text('k'), uint(random())])),
  () => described(0x77, bytesOf(0x40)),
  (random) => concat(described(0x76, compound(0xc0, [uint(random())])), described(0x76, compound(0xd0, [text('x')]))),
  (random) => concat(header, deliveryAnnotations, plain(random)),
  () => described(0x75, bytesOf(0x40)),
  () => described(0x74, bytesOf(0xc1, 1, 0)),
  // No AMQP: cut off, of unknown types, or a length beyond the end.
  (random) => plain(random).subarray(0, 5),
  (random) => bytes(random, 40),
  (random) => concat(plain(random), bytesOf(0, 0x53, 0x75, 0xa0, 200, 1)),
  () => Buffer.alloc(0),
];

import rhea from 'rhea';
import { describe, expect, it } from 'vitest';
import { MalformedDelivery, parseDelivery } from '../../../src/hub/delivery-parser.ts';

const BATCH = 0x80013700;
const encode = (message: object): Buffer => rhea.message.encode(message as never);
const data = (bytes: Buffer): unknown => rhea.message.data_section(bytes);

/** The sections that are kept: all from the properties on. */
function kept(payload: Buffer): Buffer {
  const at = payload.indexOf(Buffer.from([0x00, 0x53, 0x73]));
  return payload.subarray(at);
}

const event = encode({
  durable: true,
  message_annotations: { 'x-opt-partition-key': 'k1', 'x-other': 5 },
  message_id: 'm1',
  application_properties: { big: rhea.types.wrap_long(7), list: rhea.types.wrap_symbol('s') },
  body: data(Buffer.from([0, 255, 1])),
});

describe('a single event', () => {
  it('keeps every byte from the properties on and gives the key', () => {
    const parsed = parseDelivery(event, 0);
    expect(parsed.partitionKey).toBe('k1');
    expect(event.subarray(parsed.starts[0], parsed.ends[0])).toEqual(kept(event));
  });

  it.each([
    ['half a message', event.subarray(0, event.length - 1)],
    ['text', Buffer.from('{"not":"amqp"}')],
    ['an unknown section', Buffer.from([0x00, 0x53, 0x99, 0x40])],
    ['a size beyond the end', Buffer.from([0x00, 0x53, 0x75, 0xb0, 0x7f, 0xff, 0xff, 0xff])],
  ])('that is %s is malformed', (_, payload) => {
    expect(() => parseDelivery(payload, 0)).toThrow(MalformedDelivery);
  });
});

describe('a batch', () => {
  it('gives each event byte for byte, and the key of the envelope', () => {
    const other = encode({ body: 'a value' });
    const envelope = encode({
      message_annotations: { 'x-opt-partition-key': 'of all' },
      body: rhea.message.data_sections([event, other]),
    });
    const parsed = parseDelivery(envelope, BATCH);
    const bytes = parsed.starts.map((start, i) => parsed.payload.subarray(start, parsed.ends[i]));
    expect(bytes).toEqual([kept(event), kept(other)]);
    expect(parsed.partitionKey).toBe('of all');
  });

  it('of no events is malformed', () => {
    expect(() => parseDelivery(encode({ body: 'x' }), BATCH)).toThrow(MalformedDelivery);
  });

  it('with an event that is cut off is malformed as a whole', () => {
    const envelope = encode({ body: rhea.message.data_sections([event, event.subarray(0, 20)]) });
    expect(() => parseDelivery(envelope, BATCH)).toThrow(MalformedDelivery);
  });
});

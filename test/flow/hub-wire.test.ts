import rhea from 'rhea';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHub, textEvents, until, type HubFixture } from './hub-support.ts';
import {
  ATTACH,
  CLOSE,
  DETACH,
  DISPOSITION,
  entriesOf,
  FLOW,
  frames,
  sectionsOf,
  token,
  TRANSFER,
  WireClient,
  type Frame,
  type Typed,
} from './hub-wire-client.ts';

const HUB = 'ivr_calls';
const SOURCE = `${HUB}/ConsumerGroups/$Default/Partitions/0`;
const MiB = 1024 * 1024;
const SELECTOR = 'apache.org:selector-filter:string';

let fixture: HubFixture;
let client: WireClient;

beforeEach(async () => {
  fixture = await openHub();
  client = await WireClient.open(fixture.hub.amqpPort ?? 0);
});

afterEach(async () => {
  client.close();
  await fixture.close();
});

async function authorized(): Promise<void> {
  await client.attachNode('$cbs', 50);
  await client.authorize(HUB);
}

const selector = (text: string, descriptor: unknown = rhea.types.wrap_ulong(0x468c00000004)) => {
  const value = rhea.types.wrap_string(text) as unknown as { descriptor: unknown };
  value.descriptor = descriptor;
  return { [SELECTOR]: value };
};

const annotationsOf = (frame: Frame) => entriesOf(sectionsOf(frame.payload).get(0x72));
const numberOf = (frame: Frame): unknown => annotationsOf(frame)['x-opt-sequence-number']?.value;
const errorOf = (frame: Frame | undefined, index: number): unknown[] =>
  ((frame?.fields[index]?.value ?? []) as { value: unknown }[]).map((field) => field.value);

const readEntity = async (more: object): Promise<Record<string, { type: { typecode: number }; value: unknown }>> => {
  client.attachSender(4, '$management');
  await client.next(ATTACH);
  client.attachReceiver(5, '$management');
  await client.next(ATTACH);
  client.credit(5, 10);
  const properties = { operation: 'READ', name: HUB, security_token: token(`amqp://localhost/${HUB}`), ...more };
  client.transfer(4, 0, rhea.message.encode({ message_id: 'm', application_properties: properties, body: [] }));
  const reply = await client.next(TRANSFER);
  const sections = sectionsOf(reply.payload);
  return { ...entriesOf(sections.get(0x77)), ...entriesOf(sections.get(0x74)) };
};

const codes = (entries: Record<string, { type: { typecode: number } }>, ...names: string[]) =>
  names.map((name) => entries[name]?.type.typecode);

const sendEvents = (count: number) =>
  fixture.producer().sendBatch(textEvents(...Array.from({ length: count }, (_, n) => `event ${n}`)), {
    partitionId: '0',
  });

const attachDataSender = async (): Promise<void> => {
  await authorized();
  client.frames.length = 0;
  client.attachSender(2, `amqps://localhost/${HUB.toUpperCase()}/Partitions/0`);
  const attach = await client.next(ATTACH);
  expect([attach.fields[10]?.type.typecode, attach.fields[10]?.value]).toEqual([0x80, MiB]);
  await client.next(FLOW);
};

const outcome = async (): Promise<unknown> => Number((await client.next(DISPOSITION)).fields[4]?.descriptor?.value);

const message = (body: Buffer): Buffer => rhea.message.encode({ body: rhea.message.data_section(body) as never });

describe('performatives', () => {
  it('are written at full length, from open to close', async () => {
    const fresh = await WireClient.open(fixture.hub.amqpPort ?? 0);
    fresh.send(frames.begin({ next_outgoing_id: 0, incoming_window: 10, outgoing_window: 10 }));
    await fresh.attachNode('$cbs');
    const reply = await fresh.authorize(HUB);
    await until(
      () => fresh.count(DISPOSITION) > 0,
      () => 'a disposition',
    );
    fresh.send(frames.detach({ handle: 1, closed: true }));
    const detach = await fresh.next(DETACH);
    fresh.send(frames.close({}));
    const close = await fresh.next(CLOSE);
    const disposition = await fresh.next(DISPOSITION);
    fresh.close();
    expect([reply, detach, close, disposition].map((frame) => frame.fields.length)).toEqual([11, 3, 1, 6]);
  });

  it('open and begin too, with every limit that pyamqp reads', () => {
    const [open, begin] = client.opening;
    expect([open?.fields.length, begin?.fields.length]).toEqual([10, 8]);
    expect([open?.fields[2]?.value, open?.fields[3]?.value, open?.fields[4]?.value]).toEqual([4 * MiB, 4999, 240_000]);
    expect(begin?.fields[4]?.value).toBe(255);
  });

  it('attach and flow too, after SASL by MSSBCBS', async () => {
    const fresh = await WireClient.open(fixture.hub.amqpPort ?? 0, {}, 'MSSBCBS');
    fresh.attachSender(0, '$cbs');
    const lengths = [(await fresh.next(ATTACH)).fields.length, (await fresh.next(FLOW)).fields.length];
    fresh.close();
    expect(lengths).toEqual([14, 11]);
  });
});

describe('$cbs', () => {
  it.each([
    ['a string', 'request-1', 0xa1, 'request-1'],
    ['a uuid', rhea.types.wrap_uuid(Buffer.alloc(16, 7) as never), 0x98, Buffer.alloc(16, 7)],
    ['a small ulong', rhea.types.wrap_ulong(7), 0x53, 7],
    ['a ulong', rhea.types.wrap_ulong(70_000), 0x80, 70_000],
  ])('answers without reply-to, repeating a message-id that is %s', async (_, id, code, value) => {
    await client.attachNode('$cbs');
    const reply = await client.authorize(HUB, id);
    const sections = sectionsOf(reply.payload);
    const correlationId = ((sections.get(0x73)?.value ?? []) as Typed[])[5];
    expect([correlationId?.type.typecode, correlationId?.value]).toEqual([code, value]);
    const status = entriesOf(sections.get(0x74))['status-code'];
    expect([status?.type.typecode, status?.value]).toEqual([0x71, 202]);
    expect(reply.fields[4]?.value).toBe(true);
  });

  it('keeps a reply until there is credit for it', async () => {
    await client.attachNode('$cbs', 0);
    const replying = client.authorize(HUB);
    await until(
      () => client.count(DISPOSITION) > 0,
      () => 'a disposition',
    );
    expect(client.count(TRANSFER)).toBe(0);
    client.credit(1, 1);
    await replying;
  });

  it('says 401 to a JWT', async () => {
    await client.attachNode('$cbs');
    const properties = { operation: 'put-token', type: 'jwt', name: `sb://localhost/${HUB}` };
    client.transfer(0, 0, rhea.message.encode({ message_id: '1', application_properties: properties, body: 'e.y.z' }));
    const reply = await client.next(TRANSFER);
    expect(entriesOf(sectionsOf(reply.payload).get(0x74))['status-code']?.value).toBe(401);
  });
});

describe('$management', () => {
  const SMALL_INT = 0x54;

  it('describes a hub in the types that Java and Go cast to', async () => {
    const entries = await readEntity({ type: 'com.microsoft:eventhub' });
    expect(codes(entries, 'partition_count', 'georeplication_factor')).toEqual([SMALL_INT, SMALL_INT]);
    expect(codes(entries, 'status-code', 'partition_ids', 'created_at', 'name')).toEqual([0x71, 0xf0, 0x83, 0xa1]);
    expect(((entries['partition_ids']?.value ?? []) as Typed[]).map((id) => id.value)).toEqual(['0', '1', '2', '3']);
    const array = entries['partition_ids'] as unknown as { array_constructor: { typecode: number } };
    expect(array.array_constructor.typecode).toBe(0xa1);
  });

  it('describes a partition in longs, a string and a timestamp', async () => {
    await fixture.producer().sendBatch(textEvents(...Array.from({ length: 300 }, () => 'x')), { partitionId: '0' });
    const entries = await readEntity({ type: 'com.microsoft:partition', partition: '0' });
    expect(codes(entries, 'begin_sequence_number', 'last_enqueued_sequence_number')).toEqual([0x55, 0x81]);
    expect(codes(entries, 'last_enqueued_offset', 'last_enqueued_time_utc')).toEqual([0xa1, 0x83]);
    expect([entries['last_enqueued_sequence_number']?.value, entries['is_partition_empty']?.value]).toEqual([
      299,
      false,
    ]);
  });

  it('says 401 without a token, and 404 with the text that clients look for', async () => {
    const refused = await readEntity({ type: 'com.microsoft:eventhub', security_token: '' });
    expect(refused['status-code']?.value).toBe(401);
    client.close();
    client = await WireClient.open(fixture.hub.amqpPort ?? 0);
    const unknown = await readEntity({
      type: 'com.microsoft:eventhub',
      name: 'x',
      security_token: token('sb://localhost/x'),
    });
    expect(unknown['status-code']?.value).toBe(404);
    expect(unknown['status-description']?.value).toMatch(/^The messaging entity 'x' could not be found\./);
  });
});

describe('a link that is refused', () => {
  it.each([
    ['without a claim', SOURCE, false, 'amqp:unauthorized-access'],
    ['to an unknown group', `${HUB}/ConsumerGroups/none/Partitions/0`, true, 'amqp:not-found'],
    [
      'to an unknown partition',
      `${HUB}/ConsumerGroups/$Default/Partitions/9`,
      true,
      'com.microsoft:argument-out-of-range',
    ],
  ])(
    '%s gets an attach without source, then a detach with the error, and no flow',
    async (_, address, claim, condition) => {
      if (claim) await authorized();
      client.attachReceiver(2, address);
      const attach = await client.next(ATTACH);
      const detach = await client.next(DETACH);
      expect(attach.fields.length).toBe(14);
      expect(attach.fields[5]?.value).toBeNull();
      expect(detach.fields[1]?.value).toBe(true);
      expect(errorOf(detach, 2)).toEqual([condition, expect.stringContaining('TrackingId:'), []]);
      expect(client.count(FLOW)).toBe(0);
    },
  );

  it('as a sender gets no target and never any credit', async () => {
    client.attachSender(2, HUB);
    const attach = await client.next(ATTACH);
    const detach = await client.next(DETACH);
    expect(attach.fields[6]?.value).toBeNull();
    expect(errorOf(detach, 2)[0]).toBe('amqp:unauthorized-access');
    expect(client.count(FLOW)).toBe(0);
  });
});

describe('events on the wire', () => {
  it('are settled, and carry their annotations as long, string and timestamp', async () => {
    await sendEvents(2);
    await authorized();
    client.attachReceiver(2, SOURCE);
    const attach = await client.next(ATTACH);
    expect([attach.fields[3]?.value, attach.fields[10]?.value]).toEqual([1, MiB]);
    client.credit(2, 10);
    const [first, second] = [await client.next(TRANSFER), await client.next(TRANSFER)];
    expect([first, second].map((frame) => frame.fields[4]?.value)).toEqual([true, true]);
    expect(first.fields.length).toBe(11);
    const annotations = annotationsOf(second);
    expect(Object.fromEntries(Object.entries(annotations).map(([name, value]) => [name, value.type.typecode]))).toEqual(
      {
        'x-opt-sequence-number': 0x81,
        'x-opt-offset': 0xa1,
        'x-opt-enqueued-time': 0x83,
      },
    );
    expect(numberOf(second)).toBe(1);
  });

  it('bring the runtime metric to who desires it, all four parts', async () => {
    await sendEvents(3);
    await authorized();
    const capability = 'com.microsoft:enable-receiver-runtime-metric';
    client.attachReceiver(2, SOURCE, { attach: { desired_capabilities: capability } });
    const attach = await client.next(ATTACH);
    expect(JSON.stringify(attach.fields[11])).toContain(capability);
    client.credit(2, 1);
    const metric = entriesOf(sectionsOf((await client.next(TRANSFER)).payload).get(0x71));
    expect(Object.entries(metric).map(([name, value]) => [name, value.type.typecode])).toEqual([
      ['last_enqueued_sequence_number', 0x81],
      ['last_enqueued_offset', 0xa1],
      ['last_enqueued_time_utc', 0x83],
      ['runtime_info_retrieval_time_utc', 0x83],
    ]);
    expect(metric['last_enqueued_sequence_number']?.value).toBe(2);
  });

  it.each([
    ['a number', rhea.types.wrap_ulong(0x468c00000004)],
    ['its name', rhea.types.wrap_symbol(SELECTOR)],
  ])('begin where a filter says whose descriptor is %s', async (_, descriptor) => {
    await sendEvents(5);
    await authorized();
    const filter = selector("amqp.annotation.x-opt-sequence-number >= '3'", descriptor);
    client.attachReceiver(2, SOURCE, { filter });
    client.credit(2, 10);
    expect(numberOf(await client.next(TRANSFER))).toBe(3);
  });

  it('stop at the credit, and a drain gives the rest of it back', async () => {
    await sendEvents(5);
    await authorized();
    client.attachReceiver(2, SOURCE);
    client.credit(2, 2);
    await until(
      () => client.count(TRANSFER) === 2,
      () => 'two events',
    );
    client.frames.length = 0;
    client.credit(2, 8, { delivery_count: 2, drain: true, next_incoming_id: 3 });
    const flow = await client.next(FLOW);
    expect(client.count(TRANSFER)).toBe(3);
    expect([flow.fields[5]?.value, flow.fields[6]?.value]).toEqual([10, 0]);
  });

  it('keep coming beyond any ring of deliveries, in a session that also renews its token', async () => {
    await sendEvents(6_000);
    await authorized();
    client.attachReceiver(2, SOURCE);
    client.credit(2, 3_000);
    await until(
      () => client.count(TRANSFER) === 3_000,
      () => `3000 events, ${client.count(TRANSFER)} came`,
    );
    client.frames.length = 0;
    await client.authorize(HUB, 'again', 1);
    client.credit(2, 3_000, { delivery_count: 3_000, next_incoming_id: 3_002 });
    await until(
      () => client.count(TRANSFER) === 3_000,
      () => `3000 more events, ${client.count(TRANSFER)} came`,
    );
    const numbers = client.frames.filter((frame) => frame.code === TRANSFER).map(numberOf);
    expect(numbers).toEqual(Array.from({ length: 3_000 }, (_, n) => 3_000 + n));
  });

  it('wait for the window of the session, and go on when it opens', async () => {
    await sendEvents(10);
    await authorized();
    client.attachReceiver(2, SOURCE);
    client.credit(2, 10, { incoming_window: 5, next_incoming_id: 1 });
    await until(
      () => client.count(TRANSFER) >= 5,
      () => 'five events',
    );
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    expect(client.count(TRANSFER)).toBe(5);
    client.send(frames.flow({ next_incoming_id: 6, incoming_window: 100, next_outgoing_id: 1, outgoing_window: 100 }));
    await until(
      () => client.count(TRANSFER) === 10,
      () => 'ten events',
    );
  });

  it('of 1 MiB come in one frame, or in several to a peer with small frames', async () => {
    const body = Buffer.alloc(MiB - 2_000, 5);
    await fixture.producer().sendBatch([{ body }, { body: 'after' }], { partitionId: '0' });
    await authorized();
    client.attachReceiver(2, SOURCE);
    client.credit(2, 10);
    const whole = await client.next(TRANSFER);
    client.close();
    client = await WireClient.open(fixture.hub.amqpPort ?? 0, { max_frame_size: 65_536 });
    await authorized();
    client.attachReceiver(2, SOURCE);
    client.credit(2, 10);
    await until(
      () => client.count(TRANSFER) === 17,
      () => `17 frames, ${client.count(TRANSFER)} came`,
    );
    const parts = client.frames.filter((frame) => frame.code === TRANSFER);
    expect(parts.map((frame) => frame.fields[5]?.value)).toEqual([...Array<boolean>(15).fill(true), false, false]);
    expect(Buffer.concat(parts.slice(0, 16).map((frame) => frame.payload))).toEqual(whole.payload);
    expect(parts.at(-1)?.fields[1]?.value).toBe(Number(parts[0]?.fields[1]?.value) + 1);
  });
});

describe('deliveries on the wire', () => {
  it('are taken with the format left out, and split over frames', async () => {
    await attachDataSender();
    const payload = message(Buffer.alloc(5_000, 9));
    const tag = Buffer.from('t');
    client.send(
      frames.transfer({ handle: 2, delivery_id: 1, delivery_tag: tag, more: true }),
      payload.subarray(0, 3_000),
    );
    client.send(frames.transfer({ handle: 2 }), payload.subarray(3_000));
    expect(await outcome()).toBe(0x24);
    client.attachReceiver(3, SOURCE);
    client.credit(3, 1);
    const { payload: received } = await client.next(TRANSFER);
    expect(Buffer.from(received).subarray(-5_000)).toEqual(Buffer.alloc(5_000, 9));
  });

  it('that are no message are rejected, and no number is burnt', async () => {
    await attachDataSender();
    client.transfer(2, 1, Buffer.from('{"not": "amqp"}'));
    const rejection = await client.next(DISPOSITION);
    expect(Number(rejection.fields[4]?.descriptor?.value)).toBe(0x25);
    client.transfer(2, 2, message(Buffer.from('x')));
    expect(await outcome()).toBe(0x24);
    expect(await fixture.producer().getPartitionProperties('0')).toMatchObject({ lastEnqueuedSequenceNumber: 0 });
  });
});

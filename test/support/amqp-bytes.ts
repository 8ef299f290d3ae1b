/** Hand-made AMQP for tests: each gives the bytes of one value, section or frame. */
export const concat = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
export const bytesOf = (...codes: readonly number[]): Buffer => Buffer.from(codes);

export function uint(value: number): Buffer {
  const out = bytesOf(0x70, 0, 0, 0, 0);
  out.writeUInt32BE(value, 1);
  return out;
}

export function long(value: bigint, code = 0x81): Buffer {
  const out = Buffer.alloc(9);
  out[0] = code;
  out.writeBigInt64BE(value, 1);
  return out;
}

export const timestamp = (ms: bigint): Buffer => long(ms, 0x83);
export const symbol = (name: string): Buffer => concat(bytesOf(0xa3, name.length), Buffer.from(name));

export function text(value: string | Uint8Array, code = 0xa1): Buffer {
  const bytes = Buffer.from(value as string);
  if ((code & 0x10) === 0) return concat(bytesOf(code, bytes.length), bytes);
  const head = Buffer.alloc(5);
  head[0] = code;
  head.writeUInt32BE(bytes.length, 1);
  return concat(head, bytes);
}

export const binary = (value: Uint8Array): Buffer => text(value, value.length < 256 ? 0xa0 : 0xb0);

/** A list or, with 0xc1 and 0xd1, a map, of one- or four-byte lengths. */
export function compound(code: number, items: readonly Uint8Array[]): Buffer {
  const body = concat(...items);
  if ((code & 0x10) === 0) return concat(bytesOf(code, body.length + 1, items.length), body);
  const head = Buffer.alloc(9);
  head[0] = code;
  head.writeUInt32BE(body.length + 4, 1);
  head.writeUInt32BE(items.length, 5);
  return concat(head, body);
}

/** The descriptor of a section or performative: the small ulong, the long form, or the symbol. */
export function described(code: number, value: Uint8Array, form: 'small' | 'long' | string = 'small'): Buffer {
  if (form === 'small') return concat(bytesOf(0, 0x53, code), value);
  if (form === 'long') return concat(bytesOf(0, 0x80, 0, 0, 0, 0, 0, 0, 0, code), value);
  return concat(bytesOf(0), symbol(form), value);
}

export interface EventAnnotations {
  readonly sequenceNumber: number | bigint;
  readonly offset?: string;
  readonly enqueuedAtMs?: number;
  readonly partitionKey?: string;
}

export function annotations(of: EventAnnotations, code = 0xd1): Buffer {
  const pairs = [
    symbol('x-opt-sequence-number'),
    long(BigInt(of.sequenceNumber)),
    symbol('x-opt-offset'),
    text(of.offset ?? String(of.sequenceNumber)),
    symbol('x-opt-enqueued-time'),
    timestamp(BigInt(of.enqueuedAtMs ?? 1_767_571_200_000)),
  ];
  if (of.partitionKey !== undefined) pairs.push(symbol('x-opt-partition-key'), text(of.partitionKey));
  return described(0x72, compound(code, pairs));
}

export const data = (body: Uint8Array): Buffer => described(0x75, binary(body));

export function frame(channel: number, ...body: readonly Uint8Array[]): Buffer {
  const out = concat(bytesOf(0, 0, 0, 0, 2, 0, channel >> 8, channel & 255), ...body);
  out.writeUInt32BE(out.length, 0);
  return out;
}

export interface TransferFields {
  readonly channel?: number;
  readonly handle?: number;
  readonly deliveryId?: number | undefined;
  readonly settled?: boolean;
  readonly more?: boolean;
  readonly aborted?: boolean;
}

const bool = (value: boolean | undefined): Buffer => bytesOf(value === undefined ? 0x40 : value ? 0x41 : 0x42);
const NULL = bytesOf(0x40);

export function transfer(fields: TransferFields, payload: Uint8Array, code = 0xc0, form = 'small'): Buffer {
  const { channel = 1, handle = 0, deliveryId = 0, settled = true, more, aborted } = fields;
  const id = 'deliveryId' in fields && fields.deliveryId === undefined ? NULL : uint(deliveryId);
  const list = [uint(handle), id, binary(bytesOf(1)), bytesOf(0x43), bool(settled), bool(more)];
  if (aborted !== undefined) list.push(NULL, NULL, NULL, bool(aborted));
  return frame(channel, described(0x14, compound(code, list), form), payload);
}

export const AMQP_HEADER = Buffer.from('AMQP\0\x01\0\0', 'latin1');

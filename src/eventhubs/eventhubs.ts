import type { ByteColumn } from '../base/byte-column.ts';
import { ChosenEventSource } from './chosen-source.ts';
import { Checkpoints } from './checkpoints.ts';
import type { CheckpointObjects, CheckpointScope } from './checkpoints.ts';
import { parseConnection } from './connection.ts';
import type { ProxyVariables, Route, Transport } from './connection.ts';
import { SdkEventSink } from './sdk-sink.ts';
import { SdkEventSource } from './sdk-source.ts';
import type { SourceOptions } from './sdk-source.ts';

/**
 * Event Hubs as the engine sees it. A source tells what a hub and its partitions hold and hands over ranges of
 * events as columns, not as an object an event, so that a receiver can parse frames straight into them.
 *
 * Protocol of `receive`: it gives only events with first ≤ sequence number ≤ last, in order, each once, and ends
 * when an event with number ≥ last was seen (by number, never by a time-out). It may skip numbers: holes are the
 * caller's to judge. No more than `bytesMax` bytes are held for a partition: credit is given only while the caller
 * pulls. Faults worth another try are retried inside, from the next number wanted.
 */
export interface EventSource {
  /** Namespace host (no scheme, no port) and hub, for checkpoints and messages. */
  readonly namespace: string;
  readonly hub: string;
  hubProperties(signal: AbortSignal): Promise<HubProperties>;
  partitionProperties(partitionId: string, signal: AbortSignal): Promise<PartitionProperties>;
  receive(request: ReceiveRequest, signal: AbortSignal): AsyncIterable<EventBatch>;
  close(): Promise<void>;
}

export interface HubProperties {
  readonly name: string;
  readonly createdAtMs: number;
  readonly partitionIds: readonly string[];
}

/** Sequence numbers are dense and count from 0. An empty partition has first = last + 1. */
export interface PartitionProperties {
  readonly partitionId: string;
  /** First number still retained. */
  readonly firstSequenceNumber: number;
  /** Last number given out, -1 for a partition never written. */
  readonly lastSequenceNumber: number;
  /** Undefined for a partition never written. */
  readonly lastEnqueuedAtMs: number | undefined;
  readonly lastOffset: string;
}

export interface ReceiveRequest {
  readonly partitionId: string;
  /** Inclusive, both. */
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  /** Epoch of the receiver: a greater one elsewhere takes the partition away (`link_stolen`). */
  readonly ownerLevel: number;
  readonly consumerGroup: string;
  readonly bytesMax: number;
}

/** `count` events of one partition in order of their sequence numbers. The arrays may be longer than `count`. */
export interface EventBatch {
  readonly partitionId: string;
  readonly count: number;
  readonly sequenceNumbers: BigInt64Array;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly enqueuedAtUs: BigInt64Array;
  /** The body of domain section 2, never null: bytes of the data sections, joined; not necessarily UTF-8. */
  readonly bodies: ByteColumn;
  /** Opaque text, UTF-8. */
  readonly offsets: ByteColumn;
  readonly partitionKeys: ByteColumn;
  /** Application properties as JSON text by domain section 2. */
  readonly properties: ByteColumn;
  /** Bytes of memory that the batch holds. */
  readonly heldBytes: number;
  /** Gives the memory back to the source, which fills it anew: nothing of the batch is read after. May be left out. */
  release?(): void;
}

/** Where events are sent to. */
export interface EventSink {
  /** Sends all, in order for each partition key; at least once. */
  send(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface OutgoingEvent {
  readonly body: Uint8Array;
  readonly partitionKey?: string;
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
}

/** As SourceOptions, with the text of SLUICE_EVENTHUBS for the connection. */
export type EventSourceOptions = Omit<SourceOptions, 'connection'> & {
  readonly connection: string;
  /** Who parses the frames of events: `direct` our own parser, `sdk` the genuine client. Default: `direct`. */
  readonly receiver?: Receiver;
  /** Default: over TCP. WebSockets are read by the genuine client alone. */
  readonly route?: Route;
};

export type { ProxyVariables, Route, Transport };

export type Receiver = 'direct' | 'sdk';

/** Checks the setting (`configuration`) and connects at the first question. */
export function openEventSource({ connection, receiver, route, ...rest }: EventSourceOptions): EventSource {
  const options = { ...rest, connection: parseConnection(connection, route) };
  return receiver === 'sdk' || route?.transport === 'websocket'
    ? new SdkEventSource(options)
    : new ChosenEventSource(options);
}

/** Checks the setting (`configuration`) and connects at the first send. */
export function openEventSink(options: {
  readonly connection: string;
  readonly hub: string;
  /** Default: over TCP. */
  readonly route?: Route;
}): EventSink {
  return new SdkEventSink({ hub: options.hub, connection: parseConnection(options.connection, options.route) });
}

/** The checkpoints of one hub and consumer group, in the SDKs' layout. */
export interface CheckpointStore {
  /** Sequence number of the last event done with, by partition. */
  read(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  write(checkpoints: readonly PartitionCheckpoint[], signal: AbortSignal): Promise<void>;
}

export interface PartitionCheckpoint {
  readonly partitionId: string;
  /** Of the last event done with; -1 where none was ever written. */
  readonly sequenceNumber: number;
  /** Opaque text of that event, `-1` where none was ever written. */
  readonly offset: string;
}

export function openCheckpoints(objects: CheckpointObjects, scope: CheckpointScope): CheckpointStore {
  return new Checkpoints(objects, scope);
}

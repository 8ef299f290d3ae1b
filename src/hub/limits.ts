import { KiB, MiB } from '../base/limits.ts';

/** What the service promises, and where the local hub stops. Units last in the name. */
export const HUB_LIMITS = {
  /** One event or one batch as it comes over the wire. */
  messageBytesMax: 1 * MiB,
  /** Above the largest message, so that one message is one frame: some clients number deliveries by frame. */
  frameBytesMax: 4 * MiB,
  receiversPerPartitionMax: 5,
  partitionCountMax: 32,
  hubsMax: 100,
  consumerGroupsMax: 20,
  /** A segment that has reached this size is followed by a new one. */
  segmentBytesMax: 32 * MiB,
  /** Read from a segment at once, and kept for a reader at most. */
  readChunkBytes: 256 * KiB,
  /** Events written to one link before the others get their turn. */
  eventsPerTurnMax: 512,
  /** A slow reader: nothing more is written until its socket has drained. */
  socketBacklogBytesMax: 4 * MiB,
  /** What the service allows a peer to be silent; half of it is the heartbeat. */
  idleTimeOutMs: 240_000,
  channelMax: 4999,
  handleMax: 255,
  /** Expired claims and events are looked for this often. */
  maintenanceIntervalMs: 5_000,
  /** Clients get this long to answer the detach of a hub that stops. */
  stopGraceMs: 300,
  stopTickMs: 10,
  /** A connection that has said nothing for this long, or not asked for a WebSocket to the end, is dropped. */
  firstBytesMsMax: 60_000,
  /** One message of a WebSocket: clients put a frame in each. */
  webSocketMessageBytesMax: 8 * MiB,
  /** A peer gets this long to answer the close of a WebSocket. */
  webSocketCloseMsMax: 5_000,
  /** Tries to find one port that is free on both 127.0.0.1 and ::1. */
  freePortAttemptsMax: 20,
} as const;

import { KiB, MiB } from '../../base/limits.ts';

/** Where the direct receiver stops. Units last in the name. */
export const DIRECT_LIMITS = {
  /** Our max-frame-size in the open: whatever is larger comes in several frames. */
  frameBytesMax: 1 * MiB,
  /** One message of several frames; dedicated clusters take up to 20 MB. */
  messageBytesMax: 32 * MiB,
  /** What the kernel may put into our buffer at once. */
  readBytes: 256 * KiB,
  /** So much is parsed at once; less waits until nothing more is delivered in the same turn. */
  parseBytes: 128 * KiB,
  /** The buffer with all that TLS hands on after it was paused. */
  bufferBytesMax: 16 * MiB,
  /** Rows of one batch. */
  batchEventsMax: 8_192,
  /** A batch is handed over when it holds so much, or a quarter of the partition's share. */
  batchBytesMax: 1 * MiB,
  /** Columns that were given back are kept up to so many shares: what the one who pulls holds at a time. */
  freeShares: 4,
  /** A batch that is not full is handed over so long after the one who waits has asked for it. */
  lingerMs: 5,
  /** Credit of one link, whatever the share. */
  creditMax: 20_000,
  /** Frames of one session that may be under way. */
  sessionWindowFrames: 65_536,
  /** Events over which the largest is remembered, twice. */
  sizeWindowEvents: 1_024,
  /** What the columns of an event take beside its message, less what a message has that columns have not. */
  eventOverheadBytes: 64,
  /** A SAS token lives so long, and is renewed so long after it was made (as the genuine client does). */
  sasTokenSeconds: 3_600,
  sasRenewalMs: 45 * 60_000,
  /** A token of Entra ID is renewed so long before it expires. */
  renewalMarginMs: 2 * 60_000,
  /** No sooner than this after the last time, also where a token is short-lived or a renewal failed. */
  renewalPauseMs: 5_000,
  /** While the socket is paused, the peer's silence is ours: rhea's watch is put back this often. */
  watchMs: 30_000,
} as const;

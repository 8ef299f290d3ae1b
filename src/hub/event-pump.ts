import type { Clock } from '../base/clock.ts';
import { buildMetricSection, HEAD_BYTES, leaveUnsettled, patchFrame, splitFrame } from './event-frame.ts';
import { FrameReader, type FrameRun } from './frame-reader.ts';
import { HUB_LIMITS } from './limits.ts';
import type { PartitionLog } from './partition-log.ts';
import type { AmqpSender } from './strict-rhea.ts';

export interface EventPumpOptions {
  readonly sender: AmqpSender;
  readonly log: PartitionLog;
  readonly firstSequenceNumber: number;
  /** The receiver asked to be told the partition's end with each event. */
  readonly withMetric: boolean;
  readonly clock: Clock;
  readonly isPaused: () => boolean;
  readonly isUnsettled: () => boolean;
}

/**
 * Writes events of a partition to one link, past rhea: stored frames are patched and go to the socket as they are.
 * rhea's counters of session and link are kept in step, so that its own frames (replies, flows) stay right.
 * It never goes beyond the link's credit, the session's window or what the socket has room for.
 */
export class EventPump {
  readonly #options: EventPumpOptions;
  readonly #reader: FrameReader;
  readonly #forget: () => void;
  #isScheduled = false;
  #isStopped = false;

  constructor(options: EventPumpOptions) {
    this.#options = options;
    this.#reader = new FrameReader(options.log, options.firstSequenceNumber);
    this.#forget = options.log.onAppend(() => this.wake());
  }

  /** There may be something to do: events, credit, window or room in the socket. */
  wake(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    // Never at once: rhea writes the answer to an attach on the next tick, and no event may go out before it.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#forget();
  }

  #turn(): void {
    const { sender } = this.#options;
    if (this.#isStopped || this.#options.isPaused() || !sender.is_open()) return;
    const { outgoing } = sender.session;
    const { socket } = sender.connection;
    if (socket.writableLength > HUB_LIMITS.socketBacklogBytesMax) {
      socket.once('drain', () => this.wake());
      return;
    }
    const countMax = this.#countMax();
    if (countMax < 1) return;
    // Deliveries of rhea's own that are still queued have taken their numbers already.
    if (outgoing.next_pending_delivery !== outgoing.next_delivery_id) return this.wake();
    const run = this.#reader.take(countMax);
    if (run === undefined) return this.#answerDrain();
    this.#write(run);
    this.wake();
  }

  #countMax(): number {
    const { sender } = this.#options;
    const window = sender.session.outgoing.transfer_window();
    const framesPerEventMax = Math.ceil(HUB_LIMITS.frameBytesMax / this.#peerFrameBytesMax());
    // A window smaller than one large event may be overrun by it: waiting for more could be for ever.
    const byWindow = window > 0 ? Math.max(1, Math.floor(window / framesPerEventMax)) : 0;
    return Math.min(sender.credit, byWindow, HUB_LIMITS.eventsPerTurnMax);
  }

  #peerFrameBytesMax(): number {
    return this.#options.sender.connection.max_frame_size || HUB_LIMITS.frameBytesMax;
  }

  #write(stored: FrameRun): void {
    const { sender, withMetric, log, clock } = this.#options;
    const { outgoing, local } = sender.session;
    const run = withMetric ? insertSection(stored, buildMetricSection({ ...log.last, nowMs: clock.nowMs() })) : stored;
    const isUnsettled = this.#options.isUnsettled();
    let largest = 0;
    let id = outgoing.next_delivery_id;
    for (let at = 0; at < run.bytes.length; id++) {
      const bytes = run.bytes.readUInt32BE(at);
      patchFrame(run.bytes, at, local.channel, sender.local.handle, id);
      if (isUnsettled) leaveUnsettled(run.bytes, at);
      if (bytes > largest) largest = bytes;
      at += bytes;
    }
    const frames = largest > this.#peerFrameBytesMax() ? splitRun(run, this.#peerFrameBytesMax()) : run;
    outgoing.next_delivery_id += run.count;
    outgoing.next_pending_delivery += run.count;
    outgoing.next_transfer_id += frames.count;
    sender.credit -= run.count;
    sender.delivery_count += run.count;
    sender.connection.socket.write(frames.bytes);
  }

  #answerDrain(): void {
    const { sender } = this.#options;
    if (sender._draining !== true || sender.credit < 1) return;
    sender.set_drained(true);
    sender.connection._register();
  }
}

function insertSection(run: FrameRun, section: Buffer): FrameRun {
  const bytes = Buffer.allocUnsafe(run.bytes.length + run.count * section.length);
  let end = 0;
  for (let at = 0; at < run.bytes.length;) {
    const frameBytes = run.bytes.readUInt32BE(at);
    const start = end;
    end += run.bytes.copy(bytes, end, at, at + HEAD_BYTES);
    end += section.copy(bytes, end);
    end += run.bytes.copy(bytes, end, at + HEAD_BYTES, at + frameBytes);
    bytes.writeUInt32BE(end - start, start);
    at += frameBytes;
  }
  return { bytes, count: run.count };
}

/** `count` is of frames then, not of events. */
function splitRun(run: FrameRun, frameBytesMax: number): FrameRun {
  const parts: Buffer[] = [];
  for (let at = 0; at < run.bytes.length;) {
    const frameBytes = run.bytes.readUInt32BE(at);
    parts.push(...splitFrame(run.bytes.subarray(at, at + frameBytes), frameBytesMax));
    at += frameBytes;
  }
  return { bytes: Buffer.concat(parts), count: parts.length };
}

import { FrameParser } from '../../src/eventhubs/direct/frame-parser.ts';
import { IncomingLink } from '../../src/eventhubs/direct/incoming-link.ts';
import type { LinkRange } from '../../src/eventhubs/direct/incoming-link.ts';
import { AMQP_HEADER } from './amqp-bytes.ts';

/** A link of the direct receiver without a socket: channel 1, handle 0. */
export interface LinkBench {
  readonly link: IncomingLink;
  readonly rhea: { credit: number; delivery_count: number; issue_flow: boolean };
  /** What went to the socket: dispositions. */
  readonly written: Buffer[];
  /** A piece of input behind what was left of the last one, as the socket would hand it on. */
  input(bytes: Buffer): void;
}

export function linkOf(range: Partial<LinkRange>): LinkBench {
  const written: Buffer[] = [];
  const rhea = {
    credit: 0,
    delivery_count: 0,
    issue_flow: false,
    remote: { attach: { handle: 0 } },
    session: {
      incoming: { next_transfer_id: 0, max_transfer_id: 2048, window: 2048 },
      local: { channel: 1 },
      remote: { channel: 1 },
    },
    connection: { socket: { write: (bytes: Buffer) => written.push(bytes) > 0 }, _register: () => undefined },
  };
  const whole = { partitionId: '0', firstSequenceNumber: 0, lastSequenceNumber: 0, bytesMax: 2 ** 20, ...range };
  const link = new IncomingLink(rhea as never, whole, { holdChanged: () => undefined, malformed: () => undefined });
  const parser = new FrameParser();
  const sink = {
    get isHeld() {
      return link.isOverfull;
    },
    linkOf: (channel: number) => (channel === 1 ? link : undefined),
    control: () => undefined,
  };
  let rest: Buffer = AMQP_HEADER;
  const input = (bytes: Buffer): void => {
    const all = Buffer.concat([rest, bytes]);
    try {
      rest = all.subarray(parser.parse(all, 0, all.length, sink));
    } catch (error) {
      rest = Buffer.alloc(0);
      throw error;
    }
    link.afterInput();
  };
  return { link, rhea, written, input };
}

import type { Clock } from '../base/clock.ts';
import type { Claims } from './claims.ts';
import type { Namespace } from './namespace.ts';
import { answerPutToken, answerRead, type Reply } from './requests.ts';
import { messageCodec, type AmqpLink, type AmqpSender, type AmqpSession, type RequestMessage } from './strict-rhea.ts';

interface NodeLink {
  readonly node: 'cbs' | 'management';
  /** Replies that wait for credit: sent without, they would block every link of the session. */
  readonly waiting: object[];
}

interface NodeLinksOptions {
  readonly namespace: Namespace;
  readonly clock: Clock;
  readonly acceptJwt: boolean;
}

/** Links to `$cbs` and `$management`. */
export class NodeLinks {
  readonly #options: NodeLinksOptions;
  readonly #links = new Map<AmqpLink, NodeLink>();

  constructor(options: NodeLinksOptions) {
    this.#options = options;
  }

  open(link: AmqpLink, node: 'cbs' | 'management'): void {
    this.#links.set(link, { node, waiting: [] });
  }

  /** False where the link is none to a node. */
  answer(receiver: AmqpLink, session: AmqpSession, message: Buffer, claims: Claims): boolean {
    const node = this.#links.get(receiver)?.node;
    if (node === undefined) return false;
    const request = messageCodec.decode(message);
    const { namespace, clock, acceptJwt } = this.#options;
    const nowMs = clock.nowMs();
    const reply =
      node === 'cbs'
        ? answerPutToken(request, claims, nowMs, acceptJwt)
        : answerRead(request, claims, nowMs, (name) => namespace.find(name));
    this.#send(session, node, request, reply);
    return true;
  }

  /** Sends what waits, as far as there is credit. */
  flush(sender: AmqpSender): void {
    const waiting = this.#links.get(sender)?.waiting ?? [];
    const { outgoing } = sender.session;
    while (waiting.length > 0) {
      // rhea takes the credit on the next tick; until then its queue tells what is spoken for.
      if (sender.credit - (outgoing.next_delivery_id - outgoing.next_pending_delivery) < 1) return;
      const message = waiting.shift();
      if (message !== undefined) sender.send(message);
    }
  }

  drop(matches: (link: AmqpLink) => boolean): void {
    for (const link of [...this.#links.keys()].filter(matches)) this.#links.delete(link);
  }

  #send(session: AmqpSession, node: 'cbs' | 'management', request: RequestMessage, reply: Reply): void {
    const candidates = Object.values(session.links).filter(
      (link): link is AmqpSender => link.is_sender() && link.is_open() && this.#links.get(link)?.node === node,
    );
    const named = candidates.find((link) =>
      [link.name, link.remote.attach.target?.address].includes(request.reply_to ?? link.name),
    );
    const sender = named ?? candidates.at(-1);
    if (sender === undefined) return;
    this.#links.get(sender)?.waiting.push({ correlation_id: request.message_id, ...reply });
    this.flush(sender);
  }
}

import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { parseSourceAddress, parseTargetAddress, pathOf, type LinkAddress } from './address.ts';
import { answerAttach, capabilitiesOf, readReceiver, readSelector, refuse, trackingId } from './attach.ts';
import { Claims } from './claims.ts';
import {
  CONNECTION_FORCED,
  DETACH_FORCED,
  notFound,
  partitionInvalid,
  SERVER_BUSY,
  selectorInvalid,
  unauthorized,
} from './conditions.ts';
import { EventPump } from './event-pump.ts';
import { FaultsToCome, type HubFaults, type LinkMatch } from './faults.ts';
import { HUB_LIMITS } from './limits.ts';
import { partitionById, type HubEntity, type Namespace } from './namespace.ts';
import { NodeLinks } from './node-links.ts';
import { publish, type SendLink } from './publish.ts';
import { admitReceiver, type Receiver } from './receivers.ts';
import { parseSelector, type StartPosition } from './selector.ts';
import {
  createContainer,
  withInfo,
  type AmqpConnection,
  type AmqpContainer,
  type AmqpLink,
  type AmqpSender,
  type AmqpSession,
  type LinkError,
  type MessageContext,
} from './strict-rhea.ts';

export interface BrokerOptions {
  readonly namespace: Namespace;
  readonly clock: Clock;
  readonly log: Log;
  readonly acceptJwt: boolean;
}

interface ReceiveLink extends Receiver {
  readonly kind: 'receive';
  readonly link: AmqpSender;
  readonly hub: HubEntity;
  readonly partitionId: string;
  /** Hub, group and partition: the receivers that compete with each other. */
  readonly place: string;
  readonly path: string;
  readonly pump: EventPump;
}

type DataLink = ReceiveLink | SendLink;

const METRIC = 'com.microsoft:enable-receiver-runtime-metric';

/** The hubs behind AMQP: admits links, and forgets them when they close, their session ends or the socket is gone. */
export class Broker {
  readonly faults: HubFaults;
  readonly #options: BrokerOptions;
  readonly #container: AmqpContainer;
  readonly #connections = new Map<AmqpConnection, Claims>();
  readonly #links = new Map<AmqpLink, DataLink>();
  readonly #nodes: NodeLinks;
  readonly #faultsToCome = new FaultsToCome();
  readonly #stopping = new AbortController();

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#nodes = new NodeLinks(options);
    this.#container = createContainer(`${randomUUID()}_G0`, {
      sessionFlow: (session) => this.#wakeSession(session),
      settled: (count) => {
        this.#faultsToCome.settledDeliveries += count;
      },
    });
    this.#listen();
    this.faults = this.#makeFaults();
  }

  accept(socket: Duplex): void {
    const connection = this.#container.accept(socket);
    this.#connections.set(connection, new Claims());
    socket.on('close', () => {
      this.#dropLinks((link) => link.connection === connection);
      this.#connections.delete(connection);
      // rhea hears of the peer's end only: its timers must not outlive a socket that we destroyed.
      connection._disconnected();
    });
  }

  /** Links whose token has expired are detached. */
  detachExpired(nowMs: number): void {
    for (const link of this.#links.values()) {
      const claims = this.#connections.get(link.link.connection);
      if (claims?.allows(link.path, nowMs) === true) continue;
      this.#detach(link, unauthorized(link.kind === 'send' ? 'Send' : 'Listen', link.path));
    }
  }

  /** Detaches every link, then closes every connection, so that clients come back at once to the next hub. */
  async stop(clock: Clock): Promise<void> {
    this.#stopping.abort();
    this.#detachWhere(DETACH_FORCED, () => true);
    const never = new AbortController().signal;
    await clock.sleep(HUB_LIMITS.stopTickMs, never);
    // Without an error clients take the close for their own, and go on writing to a connection that is gone.
    for (const connection of this.#connections.keys()) connection.close(withInfo(CONNECTION_FORCED));
    for (let waitedMs = 0; this.#connections.size > 0 && waitedMs < HUB_LIMITS.stopGraceMs;) {
      await clock.sleep(HUB_LIMITS.stopTickMs, never);
      waitedMs += HUB_LIMITS.stopTickMs;
    }
    for (const connection of this.#connections.keys()) connection.socket.destroy();
  }

  #listen(): void {
    const container = this.#container;
    container.on('sender_open', ({ sender }) => sender !== undefined && this.#openSource(sender));
    container.on('receiver_open', ({ receiver }) => receiver !== undefined && this.#openTarget(receiver));
    container.on('message', (context) => this.#receiveMessage(context));
    container.on('sender_flow', ({ sender }) => sender !== undefined && this.#wakeLink(sender));
    for (const event of ['sender_close', 'receiver_close']) {
      container.on(event, ({ sender, receiver }) => this.#dropLinks((link) => link === sender || link === receiver));
    }
    container.on('session_close', ({ session }) => this.#dropLinks((link) => link.session === session));
    for (const event of ['connection_close', 'disconnected']) {
      container.on(event, ({ connection }) => this.#dropLinks((link) => link.connection === connection));
    }
    // Peers repeat the error of our detach in theirs; unheard, any of these would end the process.
    for (const event of ['sender_error', 'receiver_error', 'session_error', 'connection_error', 'protocol_error']) {
      container.on(event, (problem) => this.#options.log.debug(`amqp ${event}`, { detail: describe(problem) }));
    }
    container.on('error', (problem) => this.#options.log.warn('a connection failed', { detail: describe(problem) }));
  }

  #openSource(sender: AmqpSender): void {
    if (this.#stopping.signal.aborted) return refuse(sender, DETACH_FORCED);
    const source = sender.remote.attach.source?.address ?? '';
    const address = parseSourceAddress(source);
    if (address?.kind === 'cbs' || address?.kind === 'management') return this.#openNode(sender, address.kind);
    if (address?.kind !== 'receive') return refuse(sender, notFound(pathOf(source)));
    const path = pathOf(source);
    if (!this.#mayUse(sender, path)) return refuse(sender, unauthorized('Listen', path));
    const hub = this.#options.namespace.find(address.hub);
    if (hub === undefined || !hub.consumerGroups.has(address.consumerGroup.toLowerCase())) {
      return refuse(sender, notFound(path));
    }
    this.#openReceiver(sender, hub, address, path);
  }

  #openReceiver(sender: AmqpSender, hub: HubEntity, address: LinkAddress & { kind: 'receive' }, path: string): void {
    const log = partitionById(hub, address.partitionId);
    if (log === undefined) return refuse(sender, partitionInvalid(address.partitionId, hub.partitions.length));
    const selector = readSelector(sender);
    const position: StartPosition | undefined = selector === undefined ? { kind: 'earliest' } : parseSelector(selector);
    if (position === undefined) return refuse(sender, selectorInvalid(selector ?? ''));
    const newcomer = readReceiver(sender);
    const place = `${hub.name}/${address.consumerGroup}/${log.id}`.toLowerCase();
    const admission = admitReceiver(this.#receiversOf(place), newcomer, trackingId());
    if (!admission.admitted) return refuse(sender, admission.error);
    for (const { receiver, error } of admission.disconnected) this.#detach(receiver, error);
    const withMetric = capabilitiesOf(sender).includes(METRIC);
    if (withMetric) sender.local.attach.offered_capabilities = [METRIC];
    answerAttach(sender);
    const refusal = this.#faultsToCome.takeRefusal();
    if (refusal !== undefined) return sender.close(withInfo(refusal));
    const pump = new EventPump({
      sender,
      log,
      firstSequenceNumber: this.#faultsToCome.takeStart(`${hub.name}/${log.id}`) ?? log.locate(position),
      withMetric,
      clock: this.#options.clock,
      isPaused: () => this.#faultsToCome.isDeliveryPaused,
      isUnsettled: () => this.#faultsToCome.isUnsettled,
    });
    this.#links.set(sender, {
      kind: 'receive',
      link: sender,
      hub,
      partitionId: log.id,
      place,
      path,
      pump,
      ...newcomer,
    });
  }

  #openTarget(receiver: AmqpLink): void {
    if (this.#stopping.signal.aborted) return refuse(receiver, DETACH_FORCED);
    const target = receiver.remote.attach.target?.address ?? '';
    const address = parseTargetAddress(target);
    if (address?.kind === 'cbs' || address?.kind === 'management') return this.#openNode(receiver, address.kind);
    if (address?.kind !== 'send') return refuse(receiver, notFound(pathOf(target)));
    const path = pathOf(target);
    if (!this.#mayUse(receiver, path)) return refuse(receiver, unauthorized('Send', path));
    const hub = this.#options.namespace.find(address.hub);
    if (hub === undefined) return refuse(receiver, notFound(path));
    const partition = address.partitionId === undefined ? undefined : partitionById(hub, address.partitionId);
    if (address.partitionId !== undefined && partition === undefined) {
      return refuse(receiver, partitionInvalid(address.partitionId, hub.partitions.length));
    }
    answerAttach(receiver);
    this.#links.set(receiver, { kind: 'send', link: receiver, hub, partition, publisher: address.publisher, path });
  }

  #openNode(link: AmqpLink, node: 'cbs' | 'management'): void {
    answerAttach(link);
    this.#nodes.open(link, node);
  }

  #receiveMessage({ receiver, session, message, delivery }: MessageContext): void {
    const claims = this.#connections.get(receiver.connection);
    const link = this.#links.get(receiver);
    if (claims !== undefined && this.#nodes.answer(receiver, session, message, claims)) {
      delivery.accept();
    } else if (link?.kind === 'send' && receiver.state.local_open) {
      publish({ link, message, delivery, faults: this.#faultsToCome, signal: this.#stopping.signal, ...this.#options });
    } else {
      // Sent before the peer saw our detach: not stored and not answered, so the peer sends it again.
      delivery.settled = true;
    }
  }

  #mayUse(link: AmqpLink, path: string): boolean {
    return this.#connections.get(link.connection)?.allows(path, this.#options.clock.nowMs()) === true;
  }

  #receiversOf(place: string): ReceiveLink[] {
    return [...this.#links.values()].filter((link) => link.kind === 'receive').filter((link) => link.place === place);
  }

  #wakeLink(sender: AmqpSender): void {
    const link = this.#links.get(sender);
    if (link?.kind === 'receive') link.pump.wake();
    else this.#nodes.flush(sender);
  }

  #wakeSession(session: AmqpSession): void {
    for (const link of Object.values(session.links)) {
      const data = this.#links.get(link);
      if (data?.kind === 'receive') data.pump.wake();
    }
  }

  #detach(link: DataLink, error: LinkError): void {
    this.#forget(link.link);
    link.link.close(withInfo(error));
  }

  #detachWhere(error: LinkError, matches: (link: DataLink) => boolean): number {
    const found = [...this.#links.values()].filter(matches);
    for (const link of found) this.#detach(link, error);
    return found.length;
  }

  #dropLinks(matches: (link: AmqpLink) => boolean): void {
    for (const link of [...this.#links.keys()].filter(matches)) this.#forget(link);
    this.#nodes.drop(matches);
  }

  /** At once and not when the peer answers: a receiver that is gone must not count against the next one. */
  #forget(link: AmqpLink): void {
    const data = this.#links.get(link);
    if (data?.kind === 'receive') data.pump.stop();
    this.#links.delete(link);
  }

  #makeFaults(): HubFaults {
    const { namespace, clock } = this.#options;
    const toCome = this.#faultsToCome;
    return {
      detachLinks: (error, match = {}) => this.#detachWhere(error, (link) => isMatch(link, match)),
      dropSockets: () => {
        for (const connection of this.#connections.keys()) connection.socket.destroy();
        return this.#connections.size;
      },
      refuseReceivers: (count, error) => toCome.refuseNext(count, error),
      endSessions: (error) => this.#endSessions(error),
      closeConnections: () => {
        for (const connection of this.#connections.keys()) connection.close(withInfo(CONNECTION_FORCED));
        return this.#connections.size;
      },
      fallSilent: () => {
        for (const { socket } of this.#connections.keys()) socket.write = () => true;
        return this.#connections.size;
      },
      leaveUnsettled: (isUnsettled) => {
        toCome.isUnsettled = isUnsettled;
      },
      get settledDeliveries() {
        return toCome.settledDeliveries;
      },
      delayDispositions: (count, delayMs) => toCome.delayNext(count, delayMs),
      swallowDispositions: (count) => toCome.swallowNext(count),
      rejectSends: (count, error = SERVER_BUSY) => toCome.rejectNext(count, error),
      pauseDelivery: () => {
        toCome.isDeliveryPaused = true;
      },
      resumeDelivery: () => {
        toCome.isDeliveryPaused = false;
        for (const link of this.#links.values()) if (link.kind === 'receive') link.pump.wake();
      },
      expireEvents: (name, partitionId, lastSequenceNumber) => {
        const hub = this.#knownHub(name);
        const log = partitionById(hub, partitionId);
        if (log === undefined) throw new SluiceError('usage', `hub '${name}' has no partition '${partitionId}'`);
        log.expireBefore(lastSequenceNumber + 1);
      },
      misplaceReceiver: (name, partitionId, firstSequenceNumber) => {
        toCome.misplaceNext(`${this.#knownHub(name).name}/${partitionId}`, firstSequenceNumber);
      },
      recreateHub: (name) => {
        const hub = this.#knownHub(name);
        this.#detachWhere(notFound(hub.name), (link) => link.hub === hub);
        namespace.recreate(name, clock.nowMs());
      },
    };
  }

  #endSessions(error: LinkError): number {
    const receivers = [...this.#links.values()].filter(({ kind }) => kind === 'receive');
    const sessions = new Set(receivers.map(({ link }) => link.session));
    for (const session of sessions) {
      this.#dropLinks((link) => link.session === session);
      session.close(withInfo(error));
    }
    return sessions.size;
  }

  #knownHub(name: string): HubEntity {
    const hub = this.#options.namespace.find(name);
    if (hub === undefined) throw new SluiceError('hub_not_found', `there is no hub '${name}'`);
    return hub;
  }
}

function isMatch(link: DataLink, match: LinkMatch): boolean {
  const partitionId = link.kind === 'receive' ? link.partitionId : link.partition?.id;
  if (match.direction !== undefined && match.direction !== link.kind) return false;
  if (match.hub !== undefined && match.hub.toLowerCase() !== link.hub.name.toLowerCase()) return false;
  return match.partitionId === undefined || match.partitionId === partitionId;
}

function describe(problem: unknown): string {
  if (problem instanceof Error) return problem.message;
  const context = problem as { error?: unknown; sender?: { error?: unknown }; receiver?: { error?: unknown } };
  const error = context.error ?? context.sender?.error ?? context.receiver?.error;
  return error instanceof Error ? error.message : JSON.stringify(error ?? null);
}

import type { LinkError } from './strict-rhea.ts';

export interface LinkMatch {
  readonly hub?: string;
  readonly partitionId?: string;
  /** As the client sees it. */
  readonly direction?: 'send' | 'receive';
}

/** What can go wrong with the service, for tests. Nothing of it can be reached over the wire. */
export interface HubFaults {
  /** Detaches the links of hubs that match, with a condition; gives their number. */
  detachLinks(error: LinkError, match?: LinkMatch): number;
  /** Ends all connections without a word; gives their number. */
  dropSockets(): number;
  /** The next receivers are attached in full and detached at once, with a condition. */
  refuseReceivers(count: number, error: LinkError): void;
  /** Ends the sessions of all receivers, with a condition; gives their number. */
  endSessions(error: LinkError): number;
  /** Closes all connections in the words of a service that is moved (`amqp:connection:forced`); gives their number. */
  closeConnections(): number;
  /** Nothing is written any more to the connections that are open, heartbeats included; gives their number. */
  fallSilent(): number;
  /** Events go out unsettled from now on, to be settled by who gets them; or settled again. */
  leaveUnsettled(isUnsettled: boolean): void;
  /** Deliveries that receivers have settled. */
  readonly settledDeliveries: number;
  /** The next sends are stored, and acknowledged only later. */
  delayDispositions(count: number, delayMs: number): void;
  /** The next sends are stored and never acknowledged. */
  swallowDispositions(count: number): void;
  /** The next sends are refused and not stored; server-busy unless said otherwise. */
  rejectSends(count: number, error?: LinkError): void;
  pauseDelivery(): void;
  resumeDelivery(): void;
  /** The events up to this number, itself included, are no longer retained. */
  expireEvents(hub: string, partitionId: string, lastSequenceNumber: number): void;
  /** The next receiver of the partition begins here, whatever it asks for: with older events, or after a hole. */
  misplaceReceiver(hub: string, partitionId: string, firstSequenceNumber: number): void;
  /** Deletes the hub and creates it anew; links to it are detached as the service does. */
  recreateHub(hub: string): void;
}

/** What the next sends and receivers will meet; publisher, pumps and attaches take from it. */
export class FaultsToCome {
  isDeliveryPaused = false;
  isUnsettled = false;
  settledDeliveries = 0;
  readonly #starts = new Map<string, number>();
  #rejects = 0;
  #rejectError: LinkError | undefined;
  #swallows = 0;
  #delays = 0;
  #delayMs = 0;
  #refusals = 0;
  #refusal: LinkError | undefined;

  misplaceNext(place: string, firstSequenceNumber: number): void {
    this.#starts.set(place, firstSequenceNumber);
  }

  takeStart(place: string): number | undefined {
    const start = this.#starts.get(place);
    this.#starts.delete(place);
    return start;
  }

  refuseNext(count: number, error: LinkError): void {
    this.#refusals = count;
    this.#refusal = error;
  }

  takeRefusal(): LinkError | undefined {
    if (this.#refusals === 0) return undefined;
    this.#refusals--;
    return this.#refusal;
  }

  rejectNext(count: number, error: LinkError): void {
    this.#rejects = count;
    this.#rejectError = error;
  }

  swallowNext(count: number): void {
    this.#swallows = count;
  }

  delayNext(count: number, delayMs: number): void {
    this.#delays = count;
    this.#delayMs = delayMs;
  }

  takeReject(): LinkError | undefined {
    if (this.#rejects === 0) return undefined;
    this.#rejects--;
    return this.#rejectError;
  }

  takeDisposition(): { readonly kind: 'send' | 'swallow' } | { readonly kind: 'delay'; readonly delayMs: number } {
    if (this.#swallows > 0) {
      this.#swallows--;
      return { kind: 'swallow' };
    }
    if (this.#delays === 0) return { kind: 'send' };
    this.#delays--;
    return { kind: 'delay', delayMs: this.#delayMs };
  }
}

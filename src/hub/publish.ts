import type { Clock } from '../base/clock.ts';
import { isAbort } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { messageTooLarge } from './conditions.ts';
import { MalformedDelivery, parseDelivery } from './delivery-parser.ts';
import type { FaultsToCome } from './faults.ts';
import { HUB_LIMITS } from './limits.ts';
import { pickPartition, type HubEntity } from './namespace.ts';
import type { PartitionLog } from './partition-log.ts';
import { withInfo, type AmqpDelivery, type AmqpLink, type LinkError } from './strict-rhea.ts';

export interface SendLink {
  readonly kind: 'send';
  readonly link: AmqpLink;
  readonly hub: HubEntity;
  /** Undefined: the key, or the hub in turn, says which. */
  readonly partition: PartitionLog | undefined;
  readonly publisher: string | undefined;
  readonly path: string;
}

interface Publication {
  readonly link: SendLink;
  readonly message: Buffer;
  readonly delivery: AmqpDelivery;
  readonly faults: FaultsToCome;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Stores one delivery, all of its events or none, and acknowledges it after the append. */
export function publish(publication: Publication): void {
  const { message, delivery, faults } = publication;
  const tooLarge = message.length > HUB_LIMITS.messageBytesMax ? messageTooLarge(message.length) : undefined;
  const refusal = faults.takeReject() ?? tooLarge ?? store(publication);
  if (refusal !== undefined) delivery.reject(withInfo(refusal));
  else acknowledge(publication);
}

function store({ link, message, delivery, clock, log }: Publication): LinkError | undefined {
  try {
    const events = parseDelivery(message, delivery.format ?? 0);
    const partition = pickPartition(link.hub, link.partition, events.partitionKey);
    partition.append(events, clock.nowMs(), events.partitionKey, link.publisher);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedDelivery) return { condition: 'amqp:decode-error', description: error.message };
    const reason = error instanceof Error ? error.message : String(error);
    log.error(`hub '${link.hub.name}' could not store events: ${reason}`);
    return { condition: 'amqp:internal-error', description: 'The events could not be stored.' };
  }
}

function acknowledge({ delivery, faults, clock, signal }: Publication): void {
  const disposition = faults.takeDisposition();
  switch (disposition.kind) {
    case 'send':
      return delivery.accept();
    case 'swallow':
      // Settled on our side alone, or it would hold its place in the session's window.
      delivery.settled = true;
      return;
    case 'delay':
      clock.sleep(disposition.delayMs, signal).then(
        () => delivery.accept(),
        (error: unknown) => {
          if (!isAbort(error)) throw error;
        },
      );
  }
}

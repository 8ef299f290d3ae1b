import { HUB_LIMITS } from './limits.ts';
import type { LinkError } from './strict-rhea.ts';

/** A receiver of one partition and consumer group, as far as the rules of epochs need to know it. */
export interface Receiver {
  /** `com.microsoft:receiver-name`; the texts say nil where there is none. */
  readonly name: string | undefined;
  /** Undefined: a receiver without epoch. */
  readonly epoch: number | undefined;
}

export type Admission<T extends Receiver> =
  | { readonly admitted: true; readonly disconnected: readonly { readonly receiver: T; readonly error: LinkError }[] }
  | { readonly admitted: false; readonly error: LinkError };

/**
 * Who may read beside whom: a receiver with an epoch puts off every other one whose epoch is not greater (among
 * equals the newest wins), and without epoch there may be five, unless one with an epoch is there.
 */
export function admitReceiver<T extends Receiver>(
  present: readonly T[],
  newcomer: Receiver,
  trackingId: string,
): Admission<T> {
  const holder = present.find((one) => one.epoch !== undefined);
  if (newcomer.epoch === undefined) return admitWithoutEpoch(present, holder, trackingId);
  if (holder?.epoch !== undefined && newcomer.epoch < holder.epoch) {
    return refuse(
      'amqp:link:stolen',
      `Receiver '${nameOf(holder)}' with a higher epoch '${holder.epoch}' already exists. Receiver ` +
        `'${nameOf(newcomer)}' with epoch ${newcomer.epoch} cannot be created. Make sure you are creating receiver ` +
        'with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or ' +
        `disconnected. ${trackingId}`,
    );
  }
  const disconnected = present.map((receiver) => ({ receiver, error: stolen(newcomer, receiver, trackingId) }));
  return { admitted: true, disconnected };
}

function admitWithoutEpoch<T extends Receiver>(
  present: readonly T[],
  holder: T | undefined,
  trackingId: string,
): Admission<T> {
  if (holder !== undefined) {
    return refuse(
      'amqp:link:stolen',
      `At least one receiver for the endpoint is created with epoch of '${holder.epoch}', and so non-epoch receiver ` +
        'is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or ' +
        `disconnected. ${trackingId}`,
    );
  }
  if (present.length >= HUB_LIMITS.receiversPerPartitionMax) {
    return refuse(
      'amqp:resource-limit-exceeded',
      'Exceeded the maximum number of allowed receivers per partition in a consumer group which is ' +
        `${HUB_LIMITS.receiversPerPartitionMax}. List of connected receivers - ${present.map(nameOf).join(', ')}. ` +
        trackingId,
    );
  }
  return { admitted: true, disconnected: [] };
}

function stolen(newcomer: Receiver, old: Receiver, trackingId: string): LinkError {
  return {
    condition: 'amqp:link:stolen',
    description:
      `New receiver '${nameOf(newcomer)}' with higher epoch of '${newcomer.epoch}' is created hence current receiver ` +
      `'${nameOf(old)}' with epoch '${old.epoch ?? -1}' is getting disconnected. If you are recreating the receiver, ` +
      `make sure a higher epoch is used. ${trackingId}`,
  };
}

function refuse(condition: string, description: string): { admitted: false; error: LinkError } {
  return { admitted: false, error: { condition, description } };
}

function nameOf(receiver: Receiver): string {
  return receiver.name ?? 'nil';
}

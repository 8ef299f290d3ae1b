import { randomUUID } from 'node:crypto';
import { HUB_LIMITS } from './limits.ts';
import type { Receiver } from './receivers.ts';
import { withInfo, type AmqpLink, type AmqpSender, type LinkError } from './strict-rhea.ts';

const SETTLED = 1;

/** An attach without termini, then a detach with the error, and no flow: what clients take for a refusal. */
export function refuse(link: AmqpLink, error: LinkError): void {
  link.close(withInfo({ ...error, description: `${error.description} ${trackingId()}` }));
}

export function answerAttach(link: AmqpLink): void {
  const { source, target } = link.remote.attach;
  const { attach } = link.local;
  if (source?.address) attach.source = source.described();
  else link.set_source({ address: link.name });
  if (target?.address) attach.target = target.described();
  else link.set_target({ address: link.name });
  attach.snd_settle_mode = isSender(link) ? SETTLED : attach.snd_settle_mode;
  attach.max_message_size = HUB_LIMITS.messageBytesMax;
  attach.properties = { 'com.microsoft:tracking-id': trackingId() };
}

function isSender(link: AmqpLink): link is AmqpSender {
  return link.is_sender();
}

export function readSelector(sender: AmqpSender): string | undefined {
  const filter = sender.remote.attach.source?.filter ?? {};
  const entry = Object.entries(filter).find(([name]) => name.startsWith('apache.org:selector-filter'))?.[1];
  return entry === undefined ? undefined : String(entry.value ?? entry);
}

export function readReceiver(sender: AmqpSender): Receiver {
  const properties = sender.remote.attach.properties ?? {};
  const name = properties['com.microsoft:receiver-name'];
  const epoch = properties['com.microsoft:epoch'];
  return {
    name: typeof name === 'string' ? name : undefined,
    epoch: epoch === undefined || epoch === null ? undefined : toNumber(epoch),
  };
}

/** rhea gives a long beyond 2^53 as its eight bytes. */
function toNumber(value: unknown): number {
  return Buffer.isBuffer(value) ? Number(value.readBigInt64BE(0)) : Number(value);
}

export function capabilitiesOf(link: AmqpLink): string[] {
  return [link.remote.attach.desired_capabilities ?? []].flat().map(String);
}

export function trackingId(): string {
  return `TrackingId:${randomUUID()}_G0`;
}

import { HUB_LIMITS } from './limits.ts';
import type { LinkError } from './strict-rhea.ts';

/** Refusals in the service's words: clients tell by the text, too, what to do. */
export function notFound(path: string): LinkError {
  return { condition: 'amqp:not-found', description: `The messaging entity '${path}' could not be found.` };
}

export function partitionInvalid(id: string, count: number): LinkError {
  return {
    condition: 'com.microsoft:argument-out-of-range',
    description:
      'The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and ' +
      `${count - 1}, and is '${id}'.`,
  };
}

export function unauthorized(claim: 'Listen' | 'Send', path: string): LinkError {
  return {
    condition: 'amqp:unauthorized-access',
    description: `Unauthorized access. '${claim}' claim(s) are required to perform this operation on '${path}'.`,
  };
}

export function selectorInvalid(selector: string): LinkError {
  return {
    condition: 'com.microsoft:argument-error',
    description: `The supplied filter '${selector}' is no position in an Event Hub.`,
  };
}

export function messageTooLarge(bytes: number): LinkError {
  return {
    condition: 'amqp:link:message-size-exceeded',
    description:
      `The received message (size:${bytes} bytes) exceeds the limit (${HUB_LIMITS.messageBytesMax} bytes) currently ` +
      'allowed on the link.',
  };
}

export const SERVER_BUSY: LinkError = {
  condition: 'com.microsoft:server-busy',
  description:
    'The request was terminated because the entity is being throttled. Error code : 50002. Please wait 4 seconds and ' +
    'try again.',
};

export const DETACH_FORCED: LinkError = {
  condition: 'amqp:link:detach-forced',
  description: 'The link is closed by the service.',
};

export const CONNECTION_FORCED: LinkError = {
  condition: 'amqp:connection:forced',
  description: 'The connection is closed by the service.',
};

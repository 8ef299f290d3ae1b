/**
 * The two nodes that answer requests. A reply goes to the receiving link of the same session on the same node, as
 * some clients send no reply-to; it repeats the request's message-id in the AMQP type it came in.
 */
import { checkSasToken, type Claims, type TokenVerdict } from './claims.ts';
import { notFound, partitionInvalid, unauthorized } from './conditions.ts';
import { partitionById, type HubEntity } from './namespace.ts';
import { amqpTypes, type LinkError, type RequestMessage } from './strict-rhea.ts';

export interface Reply {
  readonly application_properties: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

const STRING_ARRAY = 0xa1;
const JWT_LIFETIME_MS = 3_600_000;

/** `put-token` on `$cbs`. */
export function answerPutToken(request: RequestMessage, claims: Claims, nowMs: number, acceptJwt: boolean): Reply {
  const { type, name } = request.application_properties ?? {};
  const token = String(request.body ?? '');
  const verdict = checkToken(String(type), token, String(name ?? ''), nowMs, acceptJwt);
  if (!verdict.accepted) {
    return failure(401, { condition: 'amqp:unauthorized-access', description: verdict.reason });
  }
  claims.put(verdict.path, verdict.expiresAtMs);
  return { application_properties: status(202, 'Accepted') };
}

/** `READ` on `$management`, of a hub or one of its partitions. */
export function answerRead(
  request: RequestMessage,
  claims: Claims,
  nowMs: number,
  find: (name: string) => HubEntity | undefined,
): Reply {
  const properties = request.application_properties ?? {};
  const [type, name] = [String(properties['type']), String(properties['name'])];
  if (!mayRead(name, properties['security_token'], claims, nowMs)) return failure(401, unauthorized('Listen', name));
  const hub = find(name);
  if (hub === undefined) return failure(404, notFound(name));
  if (type === 'com.microsoft:eventhub') return success(describeHub(hub, type));
  if (type !== 'com.microsoft:partition') {
    return failure(400, { condition: 'com.microsoft:argument-error', description: `Unknown entity type '${type}'.` });
  }
  const id = String(properties['partition']);
  const partition = partitionById(hub, id);
  if (partition === undefined) return failure(400, partitionInvalid(id, hub.partitions.length));
  return success({
    name: hub.name,
    type,
    partition: id,
    begin_sequence_number: amqpTypes.wrap_long(partition.firstSequenceNumber),
    last_enqueued_sequence_number: amqpTypes.wrap_long(partition.last.sequenceNumber),
    last_enqueued_offset: partition.last.offset,
    last_enqueued_time_utc: amqpTypes.wrap_timestamp(partition.last.enqueuedAtMs),
    is_partition_empty: partition.isEmpty,
  });
}

function describeHub(hub: HubEntity, type: string): Readonly<Record<string, unknown>> {
  return {
    name: hub.name,
    type,
    created_at: amqpTypes.wrap_timestamp(hub.createdAtMs),
    partition_count: amqpTypes.wrap_int(hub.partitions.length),
    partition_ids: amqpTypes.wrap_array(
      hub.partitions.map((partition) => partition.id),
      STRING_ARRAY,
    ),
    georeplication_factor: amqpTypes.wrap_int(1),
  };
}

function checkToken(type: string, token: string, audience: string, nowMs: number, acceptJwt: boolean): TokenVerdict {
  if (type === 'servicebus.windows.net:sastoken') return checkSasToken(token, audience, nowMs);
  if (type !== 'jwt') return { accepted: false, reason: `UnsupportedToken: The token type '${type}' is unknown.` };
  if (!acceptJwt) return { accepted: false, reason: 'UnsupportedToken: This hub accepts shared access keys only.' };
  return { accepted: true, path: audience.replace(/^[a-z]+:\/\/[^/]*\/?/i, ''), expiresAtMs: nowMs + JWT_LIFETIME_MS };
}

/** Java shows its token with the request instead of putting it first. */
function mayRead(name: string, token: unknown, claims: Claims, nowMs: number): boolean {
  if (claims.allows(`${name}/$management`, nowMs)) return true;
  return typeof token === 'string' && checkSasToken(token, name, nowMs).accepted;
}

function success(body: Readonly<Record<string, unknown>>): Reply {
  return { application_properties: status(200, 'OK'), body };
}

function failure(code: number, error: LinkError): Reply {
  return { application_properties: { ...status(code, error.description), 'error-condition': error.condition } };
}

function status(code: number, description: string): Record<string, unknown> {
  return { 'status-code': amqpTypes.wrap_int(code), 'status-description': description };
}

/** What a link's address means. Names of hubs and groups are compared without regard to case. */
export type LinkAddress =
  | { readonly kind: 'cbs' | 'management' }
  | { readonly kind: 'receive'; readonly hub: string; readonly consumerGroup: string; readonly partitionId: string }
  | {
      readonly kind: 'send';
      readonly hub: string;
      readonly partitionId: string | undefined;
      readonly publisher: string | undefined;
    };

const RECEIVE = /^([^/]+)\/consumergroups\/([^/]+)\/partitions\/([^/]+)$/i;
const SEND = /^([^/]+)(?:\/partitions\/([^/]+)|\/publishers\/([^/]+))?$/i;

/** The path of an address or audience: clients write any scheme, host and port before it. */
export function pathOf(address: string): string {
  return address.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/^\/+|\/+$/g, '');
}

export function parseSourceAddress(address: string): LinkAddress | undefined {
  const path = pathOf(address);
  const node = parseNode(path);
  if (node !== undefined) return node;
  const match = RECEIVE.exec(path);
  const [, hub, consumerGroup, partitionId] = match ?? [];
  if (hub === undefined || consumerGroup === undefined || partitionId === undefined) return undefined;
  return { kind: 'receive', hub, consumerGroup, partitionId };
}

export function parseTargetAddress(address: string): LinkAddress | undefined {
  const path = pathOf(address);
  const node = parseNode(path);
  if (node !== undefined) return node;
  const match = SEND.exec(path);
  const [, hub, partitionId, publisher] = match ?? [];
  return hub === undefined ? undefined : { kind: 'send', hub, partitionId, publisher };
}

function parseNode(path: string): LinkAddress | undefined {
  const lower = path.toLowerCase();
  if (lower === '$cbs') return { kind: 'cbs' };
  if (lower === '$management' || lower.endsWith('/$management')) return { kind: 'management' };
  return undefined;
}

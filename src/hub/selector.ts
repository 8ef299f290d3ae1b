/** Where a receiver begins. Time in milliseconds since 1970; an offset is a position in the partition. */
export type StartPosition =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'sequence' | 'offset' | 'time'; readonly value: number; readonly inclusive: boolean };

const SELECTOR = /amqp\.annotation\.(x-opt-offset|x-opt-sequence-number|x-opt-enqueued-time)\s*(>=?)\s*'?([^'\s]*)'?/i;
const KIND = { 'x-opt-offset': 'offset', 'x-opt-sequence-number': 'sequence', 'x-opt-enqueued-time': 'time' } as const;

/** The position that a selector names; undefined where it is none that a client of Event Hubs writes. */
export function parseSelector(selector: string): StartPosition | undefined {
  const match = SELECTOR.exec(selector);
  if (match === null) return undefined;
  const [, annotation = '', operator, text = ''] = match;
  const kind = KIND[annotation.toLowerCase() as keyof typeof KIND];
  if (kind === 'offset' && text === '@latest') return { kind: 'latest' };
  if (!/^-?\d+$/.test(text)) return undefined;
  const value = clamp(BigInt(text));
  if (value < 0) return { kind: 'earliest' };
  return { kind, value, inclusive: operator === '>=' };
}

/** Java asks for "the end" by the greatest time that 64 bits hold. One less, as an exclusive bound adds one. */
function clamp(value: bigint): number {
  const most = BigInt(Number.MAX_SAFE_INTEGER - 1);
  return Number(value > most ? most : value);
}

/** Event bodies as real ones are: random ids, times and numbers, which a compressor cannot guess. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const AREAS = ['Cards', 'Financing', 'Collections', 'Relationship'];

/** Small and fast generator of 32-bit numbers (mulberry32): the same seed gives the same bodies. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** A `call_legs` event of about 300 bytes: three random ids, three times, customer and agent. */
export function legBody(random: () => number): string {
  const startMs = Date.UTC(2026, 0, 5) + (random() % 86_400_000);
  const endMs = startMs + (random() % 300_000);
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}${100 + (random() % 900)}Z`;
  const fields = [
    `"event_id":"${uuid(random)}"`,
    `"produced_at":"${time(endMs)}"`,
    `"call_id":"${uuid(random)}"`,
    `"leg_id":"${uuid(random).slice(0, 13)}"`,
    `"customer_id":${1 + (random() % 10_000)}`,
    `"agent_id":${1 + (random() % 1000)}`,
    `"started_at":"${time(startMs)}"`,
    `"ended_at":"${time(endMs)}"`,
    `"area":"${AREAS[random() % AREAS.length]}"`,
  ];
  return `{${fields.join(',')}}`;
}

/** As long, with the same fields, of which only two numbers change. */
export function easyBody(random: () => number): string {
  const id = `${100_000 + (random() % 1000)}`;
  const fields = [
    `"event_id":"00000000-0000-4000-a000-000000${id}"`,
    `"produced_at":"2026-01-05T12:00:00.000000Z"`,
    `"call_id":"00000000-0000-4000-a000-000000${id}"`,
    `"leg_id":"00000000-0000"`,
    `"customer_id":${1 + (random() % 100)}`,
    `"agent_id":17`,
    `"started_at":"2026-01-05T11:58:00.000000Z"`,
    `"ended_at":"2026-01-05T12:00:00.000000Z"`,
    `"area":"Cards"`,
  ];
  return `{${fields.join(',')}}`;
}

function uuid(random: () => number): string {
  const byte = (): string => HEX[random() & 255] ?? '00';
  const bytes = (count: number): string => Array.from({ length: count }, byte).join('');
  return `${bytes(4)}-${bytes(2)}-4${bytes(2).slice(1)}-a${bytes(2).slice(1)}-${bytes(6)}`;
}

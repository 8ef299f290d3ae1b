const SECOND_MS = 1000;
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};
const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Milliseconds of `25m`, `30s`, `500ms`; undefined where it is no duration. */
export function parseDurationMs(text: string): number | undefined {
  return parsed(text, DURATIONS);
}

/** Bytes of `512MB` (10^6), `1GiB` (2^30) or a bare number; undefined where it is none. */
export function parseBytes(text: string): number | undefined {
  return parsed(/^\d+$/.test(text.trim()) ? `${text}b` : text, BYTES);
}

/** A whole number within bounds, undefined where it is none. */
export function parseCount(text: string, min: number, max: number): number | undefined {
  const value = Number(text.trim());
  return /^\d+$/.test(text.trim()) && value >= min && value <= max ? value : undefined;
}

/** `45 s`, `31 min`, `5.2 h`, `3.1 d`: how long ago, to two figures or so. */
export function formatAge(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / SECOND_MS;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 48 * 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
}

function parsed(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim());
  const unit = units[(match?.[2] ?? '').toLowerCase()];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

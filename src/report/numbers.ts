/** A count with its thousands told apart. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 2 ** (10 * power);
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

export function formatUsd(usd: number): string {
  return `$${usd.toFixed(usd < 0.01 ? 6 : 4)}`;
}

export function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

/** `3 days, 2026-01-05 to 2026-01-07`; nothing for none. */
export function formatDays(days: readonly string[]): string {
  if (days.length === 0) return '';
  if (days.length === 1) return String(days[0]);
  return `${days.length} days, ${days[0]} to ${days.at(-1)}`;
}

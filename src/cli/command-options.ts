import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseBytes, parseCount, parseDurationMs } from './units.ts';

const COUNT_MAX = 1_000_000_000;
const PORT_MAX = 65_535;

/** Takes the exit code of the command that was asked for. */
export type RunCommand = (code: Promise<number>) => Promise<void>;

export function command(program: Command, name: string, description: string, example: string): Command {
  return program.command(name).description(description).addHelpText('after', `\nExample:\n  $ ${example}`);
}

export const jsonOption = (): Option => new Option('--json', 'print one JSON document');

export function duration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined || durationMs === 0) throw new InvalidArgumentError('Give a duration such as 30s, 25m.');
  return durationMs;
}

export function bytes(text: string): number {
  const size = parseBytes(text);
  if (size === undefined || size === 0) throw new InvalidArgumentError('Give a size such as 512MB, 1GiB.');
  return size;
}

export function count(text: string): number {
  return counted(text, 1, COUNT_MAX);
}

/** Days that are given one after the other. */
export function day(text: string, before: readonly string[] = []): readonly string[] {
  const atMs = Date.parse(`${text}T00:00:00Z`);
  const exists = /^\d{4}-\d\d-\d\d$/.test(text) && new Date(atMs || 0).toISOString().startsWith(text);
  if (!exists) throw new InvalidArgumentError('Give a day such as 2026-01-05.');
  return [...before, text];
}

export function number(text: string): number {
  return counted(text, 0, Number.MAX_SAFE_INTEGER);
}

export function partitions(text: string): number {
  return counted(text, 1, 32);
}

export function port(text: string): number | 'off' {
  return text === 'off' ? 'off' : counted(text, 0, PORT_MAX);
}

function counted(text: string, min: number, max: number): number {
  const value = parseCount(text, min, max);
  if (value === undefined) throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  return value;
}

/** A time without an offset means something else on every machine: it is refused. */
export function instant(text: string): number {
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('Give an ISO 8601 time with offset: 2026-01-05T09:00:00-03:00.');
  return at;
}

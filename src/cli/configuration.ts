import { readFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import { MiB } from '../base/limits.ts';
import type { LogLevel } from '../base/log.ts';
import type { Setting } from '../base/options.ts';
import type { ProxyVariables, Route, Transport } from '../eventhubs/eventhubs.ts';
import { parseLake } from '../storage/open-store.ts';
import { nearest, suggestion } from './nearest.ts';
import { SETTINGS } from './settings.ts';
import { parseBytes, parseCount, parseDurationMs } from './units.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The effective settings, checked. What a command requires is asked for by the command. */
export interface Configuration {
  readonly eventHubs: string | undefined;
  /** Dataset → hub, where they differ; checked against the pipeline by whoever has it. */
  readonly hubs: ReadonlyMap<string, string>;
  readonly lake: string | undefined;
  readonly storageConnectionString: string | undefined;
  readonly checkpoints: string | undefined;
  readonly consumerGroup: string;
  readonly timeZone: string;
  readonly onLoss: 'fail' | 'record';
  readonly start: 'earliest' | 'latest';
  readonly receiver: 'direct' | 'sdk';
  /** How Event Hubs is reached. */
  readonly route: Route;
  readonly memoryBytesMax: number;
  readonly threads: number;
  readonly scratch: { readonly folder: string; readonly bytesMax: number };
  readonly leaseMs: number;
  readonly logLevel: LogLevel;
  readonly pipelineModule: string | undefined;
}

const limits = {
  threadsMax: 256,
  threadsMaxByDefault: 8,
  memoryBytesMin: 128 * MiB,
  /** What a run needs for itself and the largest events there can be: a smaller budget could not be kept. */
  memoryBytesFloor: 320 * MiB,
  memoryBytesMaxByDefault: 4096 * MiB,
  memoryShareByDefault: 0.7,
  scratchBytesByDefault: 10_240 * MiB,
  scratchBytesMin: 64 * MiB,
  leaseMsMin: 1000,
  leaseMsMax: 3_600_000,
} as const;

/** Reads and checks every setting; throws `configuration` at the first that is wrong, naming it. */
export function readConfiguration(environment: Environment): Configuration {
  const text = (name: string): string | undefined => textOf(environment, settingOf(name));
  const given = (name: string): string => text(name) ?? '';
  const place = (name: string): string | undefined => {
    const value = text(name);
    if (value !== undefined) parseLake(value, name);
    return value;
  };
  return {
    eventHubs: text('SLUICE_EVENTHUBS'),
    hubs: hubNames(text('SLUICE_HUBS')),
    lake: place('SLUICE_LAKE'),
    storageConnectionString: text('AZURE_STORAGE_CONNECTION_STRING'),
    checkpoints: place('SLUICE_CHECKPOINTS'),
    consumerGroup: given('SLUICE_CONSUMER_GROUP'),
    timeZone: timeZone(given('SLUICE_TIME_ZONE')),
    onLoss: given('SLUICE_ON_LOSS') as 'fail' | 'record',
    start: given('SLUICE_START') as 'earliest' | 'latest',
    receiver: given('SLUICE_RECEIVER') as 'direct' | 'sdk',
    route: { transport: given('SLUICE_TRANSPORT') as Transport, proxy: proxyVariables(environment) },
    memoryBytesMax: memoryBytes(text('SLUICE_MEMORY')),
    threads: threads(text('SLUICE_THREADS')),
    scratch: scratch(text('SLUICE_SCRATCH')),
    leaseMs: leaseMs(given('SLUICE_LEASE')),
    logLevel: given('SLUICE_LOG') as LogLevel,
    pipelineModule: text('SLUICE_PIPELINE'),
  };
}

/** The value of a setting that a command cannot do without. */
export function required<T>(value: T | undefined, name: string, hint: string): T {
  if (value !== undefined) return value;
  throw wrong(name, `is not set: ${hint}`);
}

export function wrong(name: string, what: string): SluiceError {
  return new SluiceError('configuration', `${name} ${what}`, { context: { setting: name } });
}

/** Variables that begin like ours and are none: a typing error would otherwise change nothing, silently. */
export function unknownSettings(environment: Environment): string[] {
  const names = SETTINGS.map((setting) => setting.name);
  return Object.keys(environment)
    .filter((name) => name.startsWith('SLUICE_') && !names.includes(name))
    .map((name) => `${name} is no setting; ${suggestion(name, names)}`);
}

function settingOf(name: string): Setting {
  const setting = SETTINGS.find((each) => each.name === name);
  if (setting === undefined) throw new SluiceError('internal', `no setting ${name} is declared`);
  return setting;
}

function textOf(environment: Environment, setting: Setting): string | undefined {
  const value = environment[setting.name];
  if (value === undefined) return setting.default;
  if (value.trim() === '') throw wrong(setting.name, 'is empty: give it a value, or remove it');
  if (setting.choices !== undefined && !setting.choices.includes(value)) {
    throw wrong(
      setting.name,
      `is "${value}"; it takes ${setting.choices.join(' or ')}; ${suggestion(value, setting.choices)}`,
    );
  }
  return value;
}

/** Those that are given: every program on a machine shares them, and an empty one switches the proxy off. */
function proxyVariables(environment: Environment): ProxyVariables {
  const names = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'] as const;
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

function hubNames(text: string | undefined): ReadonlyMap<string, string> {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '');
  return new Map(
    pairs.map((pair) => {
      const [dataset = '', hub = '', ...rest] = pair.split('=').map((part) => part.trim());
      if (dataset === '' || hub === '' || rest.length > 0) {
        throw wrong('SLUICE_HUBS', `has "${pair.trim()}", where DATASET=HUB is expected`);
      }
      return [dataset, hub];
    }),
  );
}

/** IANA names only: an offset knows no summer time, and DuckDB does not take it. */
function timeZone(name: string): string {
  try {
    if (/^[A-Za-z]/.test(name)) {
      new Intl.DateTimeFormat('en', { timeZone: name }).format(0);
      return name;
    }
  } catch {
    // Said below, with the nearest name.
  }
  const near = nearest(name, Intl.supportedValuesOf('timeZone'));
  const hint = near === undefined ? 'for instance America/Sao_Paulo' : `did you mean ${near}?`;
  throw wrong('SLUICE_TIME_ZONE', `is "${name}", which is no time zone; give an IANA name, ${hint}`);
}

function memoryBytes(text: string | undefined): number {
  if (text === undefined) {
    const share = Math.floor(machineBytes() * limits.memoryShareByDefault);
    return Math.max(limits.memoryBytesFloor, Math.min(share, limits.memoryBytesMaxByDefault));
  }
  const bytes = parseBytes(text);
  if (bytes === undefined) throw wrong('SLUICE_MEMORY', `is "${text}", where a size such as 1GiB is expected`);
  if (bytes < limits.memoryBytesMin) throw wrong('SLUICE_MEMORY', `is "${text}"; it takes at least 128MiB`);
  return Math.max(limits.memoryBytesFloor, bytes);
}

/** The container's limit where there is one, in either version of control groups; else the machine's memory. */
function machineBytes(): number {
  const found = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].map((file) => {
    try {
      return Number(readFileSync(file, 'utf8').trim());
    } catch {
      return Number.NaN;
    }
  });
  return Math.min(totalmem(), ...found.filter((bytes) => Number.isFinite(bytes) && bytes > 0));
}

function threads(text: string | undefined): number {
  if (text === undefined) return Math.min(availableParallelism(), limits.threadsMaxByDefault);
  const count = parseCount(text, 1, limits.threadsMax);
  if (count === undefined) throw wrong('SLUICE_THREADS', `is "${text}", where a number from 1 to 256 is expected`);
  return count;
}

/** `FOLDER`, `FOLDER:SIZE` or `SIZE`. */
function scratch(text: string | undefined): Configuration['scratch'] {
  const folder = path.join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`);
  if (text === undefined) return { folder, bytesMax: limits.scratchBytesByDefault };
  const [, before, size] = /^(.*?):?(\d[\d.]*\s*[kmgt]?i?b)$/i.exec(text) ?? [undefined, text, undefined];
  const bytesMax = size === undefined ? limits.scratchBytesByDefault : parseBytes(size);
  if (bytesMax === undefined || bytesMax < limits.scratchBytesMin) {
    throw wrong('SLUICE_SCRATCH', `is "${text}", where FOLDER:SIZE with at least 64MiB is expected`);
  }
  return { folder: before === undefined || before === '' ? folder : path.resolve(before), bytesMax };
}

function leaseMs(text: string): number {
  const duration = parseDurationMs(text);
  if (duration === undefined || duration < limits.leaseMsMin || duration > limits.leaseMsMax) {
    throw wrong('SLUICE_LEASE', `is "${text}", where a duration from 1s to 1h is expected`);
  }
  return duration;
}

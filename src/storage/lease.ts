import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { readFileSync, readlinkSync } from 'node:fs';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { putOnce, type ObjectStore } from './storage.ts';

/**
 * Who works on the lake now: `_sluice/lease/<n>.json`.
 *
 * Protocol: the greatest n counts. A run takes n + 1 by put-if-absent, renews it by writing its own file again, and
 * gives it back by marking it released; the file stays, because n is the fence of the commits and may never fall.
 * A holder is dead where its process is gone from this very machine, or where nobody saw its file change for one
 * lease. Only a file seen to change means `locked`; no clock is compared with another, and none is read while waiting.
 * The lease saves work; what is safe is the commits themselves: a renewal that fails is a warning, and the run goes on.
 */
export interface Lease {
  /** The fence: greater than that of every holder before. Also the `ownerLevel` of the receivers. */
  readonly number: number;
  /** Aborts when another run has taken the lease over. */
  readonly lost: AbortSignal;
  /** Looks now whether another run has it, and aborts `lost` if so. Never throws: what cannot be seen is not lost. */
  look(): Promise<void>;
  /** Stops renewing and marks the lease as free. Never throws: who comes next waits one lease at most. */
  release(): Promise<void>;
}

export type LeaseResult =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'locked'; readonly holder: LeaseHolder };

/** What a lease file holds. */
export interface LeaseHolder {
  readonly runId: string;
  readonly command: string;
  readonly host: string;
  /** Boot and process namespace: a pid means something only within them. */
  readonly machine: string;
  readonly pid: number;
  /** Start of the process in the kernel's own unit: pids are used again. */
  readonly processStart: string;
  /** Random: by it a run knows its own file where the reply to its put was lost. */
  readonly token?: string;
  readonly durationMs: number;
  readonly renewals: number;
  readonly renewedAt: string;
  readonly released: boolean;
}

export interface LeaseOptions {
  readonly runId: string;
  /** The command that works, for the message of those who wait. */
  readonly command: string;
  readonly durationMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** This process; given by tests. */
  readonly process?: ProcessIdentity;
  /** Whether a process of this machine lives; given by tests. */
  readonly isAlive?: (holder: ProcessIdentity) => boolean;
}

export type ProcessIdentity = Pick<LeaseHolder, 'host' | 'machine' | 'pid' | 'processStart'>;

const limits = {
  /** A lease is renewed this often within its duration, so that one lost renewal costs nothing. */
  renewalsPerLease: 3,
  /** Looks at another's lease within its duration while waiting for a renewal. */
  looksPerLease: 30,
  /** Renewing, looking and giving back end at this; the next run waits one lease at most. */
  callMsMax: 5_000,
  /** Of the first holder of a lake. Epoch 1 is left to questions, which then put off no run. */
  firstNumber: 2,
  /** Races lost to other runs before this one gives up as locked. */
  takeAttemptsMax: 20,
} as const;

const FOLDER = '_sluice/lease/';

/** Takes the lease, waiting at most one lease of the holder before it. */
export async function takeLease(store: ObjectStore, options: LeaseOptions, signal: AbortSignal): Promise<LeaseResult> {
  const self = options.process ?? processIdentity();
  let knownTaken = 0;
  for (let attempt = 1; ; attempt++) {
    // A listing that lags must not make this run ask for the same number again and again.
    const last = Math.max(limits.firstNumber - 1, knownTaken, await greatest(store, signal));
    const holder = await readHolder(store, last, signal);
    if (holder !== undefined && !holder.released && !isDead(holder, self, options)) {
      const seen = await watch(store, last, holder, options, signal);
      if (seen === 'renewed' || attempt >= limits.takeAttemptsMax) return { kind: 'locked', holder };
      if (seen === 'changed') continue;
    }
    const lease = await takeNumber(store, last + 1, self, options, signal);
    if (lease !== undefined) return { kind: 'held', lease };
    knownTaken = last + 1;
    assert(attempt < limits.takeAttemptsMax * 2, 'a lease is taken or held by another within its attempts');
  }
}

/** Who works on the lake, as far as a look tells: undefined where the lease is free or its holder's process is gone. */
export async function leaseHolder(store: ObjectStore, signal: AbortSignal): Promise<LeaseHolder | undefined> {
  const holder = await readHolder(store, await greatest(store, signal), signal);
  return holder === undefined || holder.released || isDead(holder, processIdentity(), {}) ? undefined : holder;
}

/** This process, as a holder is told from others. */
export function processIdentity(): ProcessIdentity {
  const machine = `${readText('/proc/sys/kernel/random/boot_id')} ${readLink('/proc/self/ns/pid')}`.trim();
  return { host: hostname(), machine, pid: process.pid, processStart: processStart(process.pid) ?? '' };
}

function isDead(holder: LeaseHolder, self: ProcessIdentity, options: Pick<LeaseOptions, 'isAlive'>): boolean {
  const sameMachine = holder.host === self.host && holder.machine === self.machine && self.machine !== '';
  return sameMachine && !(options.isAlive ?? isAlive)(holder);
}

function isAlive(holder: ProcessIdentity): boolean {
  const start = processStart(holder.pid);
  return start !== undefined && start === holder.processStart;
}

/** Field 22 of /proc/<pid>/stat, counted after the name, which may hold anything. Undefined: no such process. */
function processStart(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const zombie = state === 'Z' || state === 'X';
  return text === '' || zombie ? undefined : fields[18];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

const pathOf = (number: number): string => `${FOLDER}${number}.json`;

async function numbers(store: ObjectStore, signal: AbortSignal): Promise<number[]> {
  const found: number[] = [];
  for await (const { path } of store.list(FOLDER, signal)) {
    const number = Number(/^_sluice\/lease\/(\d+)\.json$/.exec(path)?.[1] ?? Number.NaN);
    if (Number.isSafeInteger(number)) found.push(number);
  }
  return found;
}

async function greatest(store: ObjectStore, signal: AbortSignal): Promise<number> {
  return Math.max(0, ...(await numbers(store, signal)));
}

/** Undefined where the file is gone or no lease file: nobody can renew it. */
async function readHolder(store: ObjectStore, number: number, signal: AbortSignal): Promise<LeaseHolder | undefined> {
  const data = await store.read(pathOf(number), signal);
  try {
    return data === undefined ? undefined : (JSON.parse(new TextDecoder().decode(data)) as LeaseHolder);
  } catch {
    return undefined;
  }
}

const encode = (holder: LeaseHolder): Uint8Array => new TextEncoder().encode(`${JSON.stringify(holder, null, 2)}\n`);

/** renewed: its owner lives; changed: given back or replaced; silent: one whole lease without a sign of life. */
async function watch(
  store: ObjectStore,
  number: number,
  holder: LeaseHolder,
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<'renewed' | 'changed' | 'silent'> {
  const { clock, log } = options;
  const waitMs = Math.max(holder.durationMs, options.durationMs);
  const { command, host, pid } = holder;
  log.info('another run holds the lease: waiting for a sign of life', {
    command,
    host,
    pid,
    waitSeconds: waitMs / 1000,
  });
  // Looks are counted: a clock that is set, or a process that was paused, must not shorten the wait.
  for (let look = 0; look < limits.looksPerLease; look++) {
    await clock.sleep(waitMs / limits.looksPerLease, signal);
    if ((await greatest(store, signal)) !== number) return 'changed';
    const now = await readHolder(store, number, signal);
    if (now === undefined || now.released) return 'changed';
    if (now.renewals !== holder.renewals) return 'renewed';
  }
  return 'silent';
}

async function takeNumber(
  store: ObjectStore,
  number: number,
  self: ProcessIdentity,
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { runId, command, durationMs, clock } = options;
  const identity = {
    runId,
    command,
    host: self.host,
    machine: self.machine,
    pid: self.pid,
    processStart: self.processStart,
    token: randomUUID(),
  };
  const holder = (renewals: number, released = false): LeaseHolder => ({
    ...identity,
    durationMs,
    renewals,
    renewedAt: new Date(clock.nowMs()).toISOString(),
    released,
  });
  if ((await putOnce(store, pathOf(number), encode(holder(0)), { clock }, signal)) === 'taken') return undefined;
  const lease = renewed(store, number, holder, options);
  try {
    const all = await numbers(store, signal);
    // A run that listed long ago may win a number that was in use and tidied away since: the greatest one counts.
    if (all.every((other) => other <= number)) {
      await tidyBelow(store, number, all, options.log, signal);
      return lease;
    }
  } catch (error) {
    await lease.release();
    throw error;
  }
  await lease.release();
  await store.delete(pathOf(number), signal);
  return undefined;
}

/** Files of former holders are only in the way: one that cannot be deleted is deleted by the next run. */
async function tidyBelow(
  store: ObjectStore,
  number: number,
  all: readonly number[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (const other of all) {
    if (other >= number) continue;
    try {
      await store.delete(pathOf(other), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn('a former lease could not be deleted', { lease: other, error: String(error) });
    }
  }
}

function renewed(
  store: ObjectStore,
  number: number,
  holder: (renewals: number, released?: boolean) => LeaseHolder,
  options: LeaseOptions,
): Lease {
  const { clock, log, durationMs } = options;
  const lost = new AbortController();
  const stop = new AbortController();
  let renewals = 0;
  const look = async (signal: AbortSignal): Promise<void> => {
    if ((await greatest(store, signal)) > number) lost.abort();
  };
  const renewOnce = async (signal: AbortSignal): Promise<void> => {
    await look(signal);
    if (!lost.signal.aborted) await store.put(pathOf(number), encode(holder(++renewals)), signal);
  };
  const renew = async (): Promise<void> => {
    while (!stop.signal.aborted && !lost.signal.aborted) {
      await clock.sleep(durationMs / limits.renewalsPerLease, stop.signal);
      await withinLimit(renewOnce, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) log.warn('the lease could not be renewed', { error: String(error) });
      });
    }
  };
  const renewing = renew().catch(() => undefined);
  return {
    number,
    lost: lost.signal,
    look: () => withinLimit(look, stop.signal).catch(() => undefined),
    async release() {
      stop.abort();
      await renewing;
      if (lost.signal.aborted) return;
      const put = (signal: AbortSignal) => store.put(pathOf(number), encode(holder(renewals + 1, true)), signal);
      await withinLimit(put, new AbortController().signal).catch((error: unknown) => {
        log.warn('the lease could not be given back', { error: String(error) });
      });
    },
  };
}

/** Ends in time also where the store heeds no signal. */
async function withinLimit(action: (signal: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> {
  const within = AbortSignal.any([stop, AbortSignal.timeout(limits.callMsMax)]);
  const work = action(within);
  const ended = new Promise<never>((_, reject) => {
    if (within.aborted) reject(within.reason);
    within.addEventListener('abort', () => reject(within.reason), { once: true });
  });
  try {
    await Promise.race([work, ended]);
  } finally {
    work.catch(() => undefined);
    ended.catch(() => undefined);
  }
}

import type { Pipeline } from '../../schemas/contract.ts';
import { isAbort, toSluiceError, type SluiceError } from '../base/errors.ts';
import { readConfiguration, type Configuration } from './configuration.ts';
import { holdLease, type HeldLease } from './hold-lease.ts';
import { loadPipeline, openLake, type Lake } from './lake.ts';
import { runStops } from './run-stops.ts';
import type { Terminal } from './terminal.ts';

export type MaintenanceOutcome = 'complete' | 'empty' | 'stopped' | 'locked' | 'failed';

/** What one step did: the facts are the JSON, the text is its line. */
export interface StepResult {
  readonly outcome: Exclude<MaintenanceOutcome, 'failed'>;
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Step {
  /** What it works on: a table, `silver/call_legs`. */
  readonly table: string;
  /** Aborts only where a stop has taken too long: what was not committed by then is left as it was. */
  readonly run: (signal: AbortSignal) => Promise<StepResult>;
}

/** What the steps of a command work with. */
export interface Maintenance {
  readonly configuration: Configuration;
  readonly pipeline: Pipeline;
  readonly lake: Lake;
  /** Number of the lease. */
  readonly fence: number;
  readonly stop: AbortSignal;
}

export interface MaintenanceCommand {
  readonly name: string;
  readonly json: boolean;
  /** It changes nothing, and may run beside another. */
  readonly readOnly?: boolean;
  /** Before the lease: throws `usage` where an argument is wrong. */
  readonly check?: (pipeline: Pipeline, configuration: Configuration) => void;
  readonly steps: (work: Maintenance, signal: AbortSignal) => Promise<readonly Step[]> | readonly Step[];
}

/** The worst first, as of a run. */
const EXIT_CODES = [70, 5, 3, 4, 2] as const;

interface Done {
  readonly table: string;
  readonly outcome: MaintenanceOutcome;
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Runs the steps of a command one after the other under the lease of the lake, and tells what each did. One that fails
 * stops no other; a soft stop is heeded between them and within. Gives the exit code.
 */
export async function maintain(command: MaintenanceCommand, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  const pipeline = await loadPipeline(configuration);
  command.check?.(pipeline, configuration);
  const readOnly = command.readOnly ?? false;
  const lake = await openLake(configuration, terminal, { readOnly, log });
  try {
    const held = readOnly ? withoutLease(terminal) : await holdLease(lake, command.name, configuration, terminal.stop);
    try {
      const found = await carryOut(command, { configuration, pipeline, lake }, held);
      return tell(command, found, held, terminal);
    } finally {
      await held.lease?.release();
    }
  } finally {
    await lake.close();
  }
}

function withoutLease({ stop: { soft, hard } }: Terminal): HeldLease {
  return { lease: undefined, stops: runStops(soft, hard), isLocked: () => false };
}

interface Found {
  readonly done: readonly Done[];
  readonly errors: readonly SluiceError[];
}

async function carryOut(
  command: MaintenanceCommand,
  tools: Pick<Maintenance, 'configuration' | 'pipeline' | 'lake'>,
  { lease, stops }: HeldLease,
): Promise<Found> {
  const done: Done[] = [];
  const errors: SluiceError[] = [];
  if (lease === undefined && command.readOnly !== true) return { done, errors };
  const work = { ...tools, fence: lease?.number ?? 0, stop: stops.soft };
  for (const { table, run } of await command.steps(work, stops.work)) {
    if (stops.soft.aborted) break;
    try {
      done.push({ table, ...(await run(stops.work)) });
    } catch (thrown) {
      if (isAbort(thrown) && !stops.soft.aborted) throw thrown;
      if (isAbort(thrown)) done.push({ table, outcome: 'stopped', text: 'stopped: left as it was', facts: {} });
      else done.push(failed(table, toSluiceError(thrown), errors, tools.lake));
    }
  }
  return { done, errors };
}

function failed(table: string, error: SluiceError, errors: SluiceError[], lake: Lake): Done {
  const { code, exitCode, retryable, message } = error;
  lake.log.error(message, { code, exitCode, retryable });
  errors.push(error);
  return { table, outcome: 'failed', text: `failed: ${message}`, facts: {} };
}

function tell(
  { name, json }: MaintenanceCommand,
  { done, errors }: Found,
  held: HeldLease,
  terminal: Terminal,
): number {
  const exitCode = EXIT_CODES.find((code) => errors.some((error) => error.exitCode === code)) ?? 0;
  const outcome = outcomeOf(done, held);
  if (json) {
    const tables = done.map((each) => ({ table: each.table, outcome: each.outcome, ...each.facts }));
    const told = errors.map(({ code, exitCode: exit, retryable, message }) => ({
      code,
      exitCode: exit,
      retryable,
      message,
    }));
    terminal.print(`${JSON.stringify({ command: name, outcome, exitCode, tables, errors: told }, null, 2)}\n`);
    return exitCode;
  }
  for (const { table, text } of done) terminal.print(`${table}: ${text}\n`);
  terminal.print(`${name}: ${outcome}\n`);
  return exitCode;
}

function outcomeOf(done: readonly Done[], held: HeldLease): MaintenanceOutcome {
  const outcomes = new Set(done.map((each) => each.outcome));
  if (outcomes.has('failed')) return 'failed';
  if (held.isLocked() || outcomes.has('locked')) return 'locked';
  if (held.stops.soft.aborted || outcomes.has('stopped')) return 'stopped';
  return outcomes.has('complete') ? 'complete' : 'empty';
}

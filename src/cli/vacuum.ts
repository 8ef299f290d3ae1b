import { findGarbage, type Garbage } from '../delta/delta.ts';
import { formatSize } from '../report/report.ts';
import { maintain, type Maintenance, type Step, type StepResult } from './maintain.ts';
import { chosenTables } from './optimize.ts';
import { readThrough } from './readers.ts';
import { findSidecars, type Sidecar } from './sidecars.ts';
import type { Terminal } from './terminal.ts';

export interface VacuumOptions {
  /** Milliseconds. */
  readonly retain: number;
  /** Without it nothing is deleted. */
  readonly apply?: boolean;
  readonly json?: boolean;
}

const limits = {
  deletionsAtOnce: 16,
  /** Paths told of a table on a terminal; JSON has all. */
  pathsToldMax: 20,
} as const;

type Dead = Garbage | Sidecar;

/** `sluice vacuum`: lists what nothing needs any more, and deletes it where that was asked for. */
export function vacuum(table: string | undefined, options: VacuumOptions, terminal: Terminal): Promise<number> {
  const command = {
    name: 'vacuum',
    json: options.json ?? false,
    readOnly: options.apply !== true,
    check: (pipeline: Maintenance['pipeline']) => void chosenTables(table, pipeline),
    steps: (work: Maintenance) => vacuumSteps(work, table, options),
  };
  return maintain(command, terminal);
}

/** A step a table, and one for what stands beside them. */
export function vacuumSteps(work: Maintenance, table: string | undefined, options: VacuumOptions): Step[] {
  const tables = chosenTables(table, work.pipeline).map(({ root }) => tableStep(work, root, options));
  return table === undefined ? [...tables, sidecarStep(work, options)] : tables;
}

function tableStep(work: Maintenance, root: string, options: VacuumOptions): Step {
  return {
    table: root,
    async run(signal) {
      const { lake } = work;
      const how = {
        nowMs: lake.clock.nowMs(),
        retainMs: options.retain,
        readThrough: await readThrough(work, root, signal),
      };
      return remove(work, await findGarbage(lake.table(root), how, signal), options, signal);
    },
  };
}

function sidecarStep(work: Maintenance, options: VacuumOptions): Step {
  return {
    table: '_sluice',
    async run(signal) {
      return remove(work, await findSidecars(work, options.retain, signal), options, signal);
    },
  };
}

/** In the order found: a log loses its oldest entries first. Whoever is stopped leaves the rest to the next call. */
async function remove(
  { lake, stop }: Maintenance,
  dead: readonly Dead[],
  { apply = false }: VacuumOptions,
  signal: AbortSignal,
): Promise<StepResult> {
  let deleted = 0;
  for (const end = apply ? dead.length : 0; deleted < end && !stop.aborted;) {
    const batch = dead.slice(deleted, deleted + limits.deletionsAtOnce);
    await Promise.all(batch.map(({ path }) => lake.store.delete(path, signal)));
    deleted += batch.length;
  }
  const bytes = dead.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const verb = apply ? `${deleted} deleted of` : 'would delete';
  const paths = dead.slice(0, limits.pathsToldMax).map(({ path }) => `\n  ${path}`);
  const more = dead.length > paths.length ? `\n  and ${dead.length - paths.length} more` : '';
  const text = `${verb} ${dead.length} objects, ${formatSize(bytes)}`;
  const objects = dead.map(({ path, kind, sizeBytes }) => ({ path, kind, bytes: sizeBytes }));
  return {
    outcome: outcomeOf(dead.length, deleted, apply),
    text: dead.length === 0 ? 'nothing to delete' : `${text}${apply ? '' : paths.join('') + more}`,
    facts: { applied: apply, found: dead.length, deleted, bytes, objects },
  };
}

function outcomeOf(found: number, deleted: number, apply: boolean): StepResult['outcome'] {
  if (found === 0) return 'empty';
  return apply && deleted < found ? 'stopped' : 'complete';
}

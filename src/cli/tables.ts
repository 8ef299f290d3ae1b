import type { Pipeline, TableContract } from '../../schemas/contract.ts';
import { bronzeTable } from '../../schemas/bronze-table.ts';
import { gapsTable } from '../../schemas/gaps-table.ts';
import { rejectedEventsTable } from '../../schemas/rejected-events.ts';
import { runsTable } from '../../schemas/runs-table.ts';
import { present } from '../base/assert.ts';

/** A table of the lake: where it is, what `sql` calls it, and what is in it. */
export interface LakeTable {
  readonly root: string;
  /** Schema and name of its view. */
  readonly view: string;
  readonly contract: TableContract;
}

export const GAPS_ROOT = '_sluice/gaps';
export const RUNS_ROOT = '_sluice/runs';
export const REJECTED_ROOT = 'silver/rejected_events';

/** Every table of a pipeline's lake, layer by layer. */
export function lakeTables(pipeline: Pipeline): LakeTable[] {
  const table = (schema: string, name: string, contract: TableContract): LakeTable => ({
    root: `${schema}/${name}`,
    view: `${schema}.${name}`,
    contract,
  });
  return [
    ...pipeline.datasets.map(({ name }) => table('bronze', name, bronzeTable)),
    ...pipeline.datasets.map(({ name, silver }) => table('silver', name, silver)),
    ...pipeline.dimensions.map(({ name, table: contract }) => table('silver', name, contract)),
    { root: REJECTED_ROOT, view: 'silver.rejected_events', contract: rejectedEventsTable },
    ...pipeline.gold.map(({ name, table: contract }) => table('gold', name, contract)),
    { root: GAPS_ROOT, view: 'sluice.gaps', contract: gapsTable },
    { root: RUNS_ROOT, view: 'sluice.runs', contract: runsTable },
  ];
}

/** Of a silver table or dimension that a gold view reads. */
export function silverContract(pipeline: Pipeline, name: string): TableContract {
  const dataset = pipeline.datasets.find((each) => each.name === name);
  const dimension = pipeline.dimensions.find((each) => each.name === name);
  return present(dataset?.silver ?? dimension?.table, `the contract of ${name}, which a gold view reads`);
}

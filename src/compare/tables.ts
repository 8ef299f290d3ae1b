import type { Pipeline } from '../../schemas/contract.ts';

/** A table that both sides made: by what its rows are told apart, and which columns are outside every comparison. */
export interface ComparedTable {
  readonly root: string;
  readonly key: readonly string[];
  readonly ignored: readonly string[];
}

/** When and by which run a row was written says nothing of what it says (domain section 3). */
const BRONZE_IGNORED = ['ingested_at', 'ingestion_date', 'run_id'];

/** Every table of the layers, bronze first. */
export function comparedTables(pipeline: Pipeline): ComparedTable[] {
  const position = ['partition_id', 'sequence_number'];
  return [
    ...pipeline.datasets.map(({ name }) => ({ root: `bronze/${name}`, key: position, ignored: BRONZE_IGNORED })),
    ...pipeline.datasets.map(({ name, key }) => ({ root: `silver/${name}`, key, ignored: ['loaded_at'] })),
    { root: 'silver/rejected_events', key: ['dataset', ...position], ignored: ['rejected_at'] },
    ...pipeline.dimensions.map(({ name, key }) => ({ root: `silver/${name}`, key: [key], ignored: [] })),
    ...pipeline.gold.map((view) => ({ root: `gold/${view.name}`, key: goldKey(view.table.columns), ignored: [] })),
  ];
}

/** A view's columns begin with the period, the day, and what the row of the day is about. */
function goldKey(columns: readonly { readonly name: string }[]): string[] {
  return columns.slice(1, 3).map(({ name }) => name);
}

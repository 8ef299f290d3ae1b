import { inWorkArea } from '../base/work-area.ts';
import { defineRelation, type DataFile, type Snapshot } from '../delta/delta.ts';
import { sqlFile } from '../duckdb/duckdb.ts';
import type { SilverOptions } from './silver.ts';
import { writeRejectedRows } from './write-rejected.ts';

const otherDatasetsSql = sqlFile(new URL('statements/other-datasets.sql', import.meta.url));

/** Files of the rejected events that hold a row of the dataset, and new ones with the rows of the others in them. */
export async function withoutDataset(
  options: Pick<SilverOptions, 'dataset' | 'rejected' | 'openDatabase' | 'scratch' | 'bodyBytesMax'>,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<{ readonly remove: readonly DataFile[]; readonly add: readonly DataFile[] }> {
  const { dataset, rejected } = options;
  const remove = [...snapshot.files.values()].filter((file) => mayHold(file, dataset.name));
  const mixed = remove.filter((file) => !holdsOnly(file, dataset.name));
  if (mixed.length === 0) return { remove, add: [] };
  const scratch = options.scratch.scope();
  try {
    const add = await inWorkArea(
      await options.openDatabase(),
      `silver_others_${dataset.name}`,
      async (area) => {
        await defineRelation(area, 'mixed', rejected, snapshot.contract, mixed, scratch, signal);
        await area.run(otherDatasetsSql, { dataset: dataset.name });
        return writeRejectedRows(area, { ...options, scratch }, snapshot, 'others', signal);
      },
      signal,
    );
    return { remove, add };
  } finally {
    scratch.release();
  }
}

/** By the statistics of the file; where they tell nothing, it may. */
export function mayHold(file: DataFile, dataset: string): boolean {
  const { least, greatest } = datasetBounds(file);
  return least === undefined || greatest === undefined || (least <= dataset && dataset <= greatest);
}

function holdsOnly(file: DataFile, dataset: string): boolean {
  const { least, greatest } = datasetBounds(file);
  return least === dataset && greatest === dataset;
}

/** Names of datasets are short: their bounds are never cut. */
function datasetBounds({ statistics = '{}' }: DataFile): { least: string | undefined; greatest: string | undefined } {
  const { minValues, maxValues } = JSON.parse(statistics) as Record<string, { dataset?: string } | undefined>;
  return { least: minValues?.dataset, greatest: maxValues?.dataset };
}

import type { DatasetContract, GoldViewContract } from '../../schemas/contract.ts';
import { present } from '../base/assert.ts';
import type { GoldOptions } from '../gold/gold.ts';
import type { SilverOptions } from '../silver/silver.ts';
import type { Maintenance } from './maintain.ts';
import { REJECTED_ROOT } from './tables.ts';

function tools({ lake, fence }: Maintenance) {
  const { openDatabase, scratch, bodyBytesMax, runId, clock, log } = lake;
  return { openDatabase, scratch, bodyBytesMax, runId, clock, log, fence };
}

/** What silver needs to work on a dataset's tables under the lease of a maintenance command. */
export function silverOptions(work: Maintenance, dataset: DatasetContract): SilverOptions {
  const { lake, configuration, stop } = work;
  return {
    ...tools(work),
    dataset,
    timeZone: configuration.timeZone,
    stop,
    bronze: lake.table(`bronze/${dataset.name}`),
    silver: lake.table(`silver/${dataset.name}`),
    rejected: lake.table(REJECTED_ROOT),
  };
}

/** The same of a gold view. */
export function goldOptions(work: Maintenance, view: GoldViewContract): GoldOptions {
  const { lake, pipeline } = work;
  const tables: GoldOptions['tables'] = (name) => {
    const dataset = pipeline.datasets.find((each) => each.name === name);
    const dimension = pipeline.dimensions.find((each) => each.name === name);
    const contract = present(dataset?.silver ?? dimension?.table, `the contract of ${name}, which a gold view reads`);
    return { location: lake.table(`silver/${name}`), contract };
  };
  return { ...tools(work), view, gold: lake.table(`gold/${view.name}`), tables };
}

import { SluiceError } from '../base/errors.ts';
import type { BronzePlan, PartitionPlan } from '../bronze/bronze.ts';
import type { SparkCheckpoint } from './spark-checkpoint.ts';

/** What becomes of one partition. */
export interface AdoptedPartition {
  readonly dataset: string;
  readonly hub: string;
  readonly partitionId: string;
  /** First sequence number that will be read; null where the checkpoint does not have the partition. */
  readonly next: number | null;
  /** What the hub holds. */
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  /** Events that wait from there on. */
  readonly waiting: number;
  /** `adopt`: the number is taken over; `there`: the lake has it so; `own start`: it is left to SLUICE_START. */
  readonly action: 'adopt' | 'there' | 'own start';
}

/**
 * Decides for every partition, for all or none. Throws `adopt_refused` with each reason: a hub that no dataset has, a
 * partition that the hub has not, one that the lake has read, or a number that lies past the hub's end.
 */
export function planAdoption(
  checkpoint: SparkCheckpoint,
  plans: readonly BronzePlan[],
  hubNames: readonly string[],
): AdoptedPartition[] {
  const refusals: string[] = [];
  const rows = [...checkpoint.hubs].flatMap(([hub, numbers]) => {
    // Names of hubs are the same in any case.
    const plan = plans.find((each) => each.hub.toLowerCase() === hub.toLowerCase());
    if (plan === undefined) {
      refusals.push(`hub ${hub} is none of the pipeline's (${hubNames.join(', ')}): map it by SLUICE_HUBS`);
      return [];
    }
    const known = new Set(plan.partitions.map(({ partitionId }) => partitionId));
    for (const id of numbers.keys()) if (!known.has(id)) refusals.push(`hub ${plan.hub} has no partition ${id}`);
    return plan.partitions.map((partition) => adopted(plan, partition, numbers.get(partition.partitionId), refusals));
  });
  if (refusals.length === 0) return rows;
  throw new SluiceError('adopt_refused', `${refusals.join('; ')}. Nothing changed`);
}

function adopted(
  plan: BronzePlan,
  partition: PartitionPlan,
  next: number | undefined,
  refusals: string[],
): AdoptedPartition {
  const { dataset, hub } = plan;
  const { partitionId, committed, hubLastSequenceNumber: lastSequenceNumber } = partition;
  const name = `hub ${hub}, partition ${partitionId}`;
  if (next !== undefined && committed !== undefined && committed !== next) {
    refusals.push(`${name}: bronze/${dataset} has read it up to ${committed - 1}, the checkpoint wants ${next} next`);
  } else if (next !== undefined && next > lastSequenceNumber + 1) {
    refusals.push(`${name}: the checkpoint wants ${next} next, but the hub ends at ${lastSequenceNumber}: another hub`);
  }
  // Planned from the earliest on, so that a partition never read begins at the first event the hub holds.
  const firstSequenceNumber = committed === undefined ? partition.begin : partition.firstSequenceNumber;
  const begin = Math.max(next ?? 0, firstSequenceNumber);
  return {
    dataset,
    hub,
    partitionId,
    next: next ?? null,
    firstSequenceNumber,
    lastSequenceNumber,
    waiting: Math.max(0, lastSequenceNumber + 1 - begin),
    action: next === undefined ? 'own start' : committed === next ? 'there' : 'adopt',
  };
}

/** What a person should know before the first run. */
export function adoptionWarnings({ batch, begun }: SparkCheckpoint, rows: readonly AdoptedPartition[]): string[] {
  const uncommitted =
    begun === undefined
      ? []
      : [
          `the stream began batch ${begun} and did not commit it: events after batch ${batch} may stand in its table ` +
            'too; let it end once more first, or take them twice',
        ];
  const expired = rows.flatMap(({ hub, partitionId, next, firstSequenceNumber, action }) => {
    if (next === null || action !== 'adopt' || next >= firstSequenceNumber) return [];
    const range = `${next} to ${firstSequenceNumber - 1}`;
    const lost = `hub ${hub}, partition ${partitionId}: the hub no longer has events ${range}`;
    return [`${lost}: the first run meets that loss, see SLUICE_ON_LOSS`];
  });
  const left = rows
    .filter((row) => row.action === 'own start')
    .map(
      ({ hub, partitionId }) => `hub ${hub}, partition ${partitionId} is not in the checkpoint: SLUICE_START decides`,
    );
  return [...uncommitted, ...expired, ...left];
}

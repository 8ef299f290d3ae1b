import { SluiceError } from '../base/errors.ts';
import type { HubProperties, PartitionProperties } from '../eventhubs/eventhubs.ts';
import type { BronzePlan, Gap, PartitionPlan } from './bronze.ts';

/** What the plan of one hub is made from: all of it read, nothing of it changed. */
export interface PlanFacts {
  readonly dataset: string;
  readonly hub: HubProperties;
  readonly partitions: readonly PartitionProperties[];
  /** Versions of the bronze table's transactions, empty where there is no table yet. */
  readonly transactions: ReadonlyMap<string, number>;
  /** The same of the gaps table. */
  readonly gapTransactions: ReadonlyMap<string, number>;
  /** Sequence number by partition. */
  readonly checkpoints: ReadonlyMap<string, number>;
  readonly start: 'earliest' | 'latest';
  /** Ends frozen by an earlier plan of this run: they stay. */
  readonly frozenEnds?: ReadonlyMap<string, number>;
}

/** appId of a partition's transaction in the bronze table: its version is the next sequence number wanted. */
export function transactionName(dataset: string, createdAtMs: number, partitionId: string): string {
  return `sluice/bronze/${dataset}/${createdAtMs}/${partitionId}`;
}

/** appId in the bronze table: its version is the end of a loss that a run saw and was about to record. */
export function lossTransactionName(dataset: string, createdAtMs: number, partitionId: string): string {
  return `sluice/lost/${dataset}/${createdAtMs}/${partitionId}`;
}

/** appId in the gaps table: all lost numbers below its version are recorded. */
export function gapTransactionName(dataset: string, createdAtMs: number, partitionId: string): string {
  return `sluice/gaps/${dataset}/${createdAtMs}/${partitionId}`;
}

/** appId in the bronze table: its version counts the commits of replays, each of which has to know the one before. */
export function replayTransactionName(dataset: string, createdAtMs: number, partitionId: string): string {
  return `sluice/replayed/${dataset}/${createdAtMs}/${partitionId}`;
}

/**
 * The ranges to read, by architecture "Bronze" 1. Throws `hub_recreated` where the table's numbers are those of
 * another hub of this name.
 */
export function planHub(facts: PlanFacts): BronzePlan {
  refuseOtherHub(facts);
  const partitions = facts.partitions.map((properties) => planPartition(facts, properties));
  return {
    dataset: facts.dataset,
    hub: facts.hub.name,
    createdAtMs: facts.hub.createdAtMs,
    partitions,
    warnings: partitions.flatMap((partition) => checkpointWarning(facts, partition)),
  };
}

function planPartition(facts: PlanFacts, properties: PartitionProperties): PartitionPlan {
  const { dataset, hub, start } = facts;
  const { partitionId } = properties;
  const committed = facts.transactions.get(transactionName(dataset, hub.createdAtMs, partitionId));
  const last = facts.frozenEnds?.get(partitionId) ?? properties.lastSequenceNumber;
  const begin = committed ?? (start === 'latest' ? last + 1 : properties.firstSequenceNumber);
  if (begin > properties.lastSequenceNumber + 1) throw recreated(facts, partitionId, begin, properties);
  // A run that died between recording a gap and the commit after it has written those rows already.
  const recorded = facts.gapTransactions.get(gapTransactionName(dataset, hub.createdAtMs, partitionId)) ?? begin;
  const from = Math.max(begin, recorded);
  const gap: Gap | undefined =
    committed !== undefined && properties.firstSequenceNumber > from
      ? { firstSequenceNumber: from, lastSequenceNumber: properties.firstSequenceNumber - 1, reason: 'expired' }
      : undefined;
  return {
    partitionId,
    committed,
    begin,
    firstSequenceNumber: gap === undefined ? from : properties.firstSequenceNumber,
    lastSequenceNumber: last,
    gap,
    recordedGapBelow: facts.gapTransactions.get(gapTransactionName(dataset, hub.createdAtMs, partitionId)),
    lastEnqueuedAtMs: properties.lastEnqueuedAtMs,
    hubLastSequenceNumber: properties.lastSequenceNumber,
    hubLastOffset: properties.lastOffset,
  };
}

/** Throws `hub_recreated` where the table's numbers are those of another hub of this name. */
export function refuseOtherHub(facts: Pick<PlanFacts, 'dataset' | 'hub' | 'transactions'>): void {
  const { dataset, hub, transactions } = facts;
  const mine = transactionName(dataset, hub.createdAtMs, '');
  const all = transactionName(dataset, 0, '').slice(0, -'0/'.length);
  const other = [...transactions.keys()].find((name) => name.startsWith(all) && !name.startsWith(mine));
  if (other === undefined) return;
  const createdAtMs = Number(other.slice(all.length).split('/')[0]);
  throw new SluiceError(
    'hub_recreated',
    `Hub ${hub.name} was created on ${new Date(hub.createdAtMs).toISOString()}, but bronze/${dataset} holds the hub ` +
      `created on ${new Date(createdAtMs).toISOString()}: it was deleted and created again. Give it a new lake`,
    { context: { hub: hub.name, dataset } },
  );
}

function recreated(facts: PlanFacts, partitionId: string, wanted: number, found: PartitionProperties): SluiceError {
  return new SluiceError(
    'hub_recreated',
    `Hub ${facts.hub.name}, partition ${partitionId}: bronze/${facts.dataset} wants event ${wanted} next, but the ` +
      `hub ends at ${found.lastSequenceNumber}: it is not the hub that the lake was filled from. Give it a new lake`,
    { context: { hub: facts.hub.name, partitionId, wanted, last: found.lastSequenceNumber } },
  );
}

function checkpointWarning(facts: PlanFacts, partition: PartitionPlan): string[] {
  const checkpoint = facts.checkpoints.get(partition.partitionId);
  const done = (partition.committed ?? 0) - 1;
  if (checkpoint === undefined || checkpoint <= done) return [];
  if (partition.committed === undefined) {
    const begins = `Reading begins at event ${partition.begin} (SLUICE_START=${facts.start})`;
    const passed =
      partition.begin > checkpoint + 1 ? `; events ${checkpoint + 1} to ${partition.begin - 1} stay out` : '';
    return [
      `hub ${facts.hub.name}, partition ${partition.partitionId}: the checkpoint says ${checkpoint}, but ` +
        `bronze/${facts.dataset} has never read it: the lake is new, or its table was deleted. ${begins}${passed}`,
    ];
  }
  return [
    `hub ${facts.hub.name}, partition ${partition.partitionId}: the checkpoint says ${checkpoint}, the table ` +
      `${done}: another reader uses the consumer group, or the lake was restored. The table is trusted`,
  ];
}

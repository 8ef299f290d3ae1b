import type { PartitionPlan } from '../bronze/bronze.ts';
import { expectRun, type Expectation, type ErrorReceipt, type Receipt } from '../report/report.ts';
import type { LeaseHolder } from '../storage/lease.ts';
import type { PlanPlace, PlannedHub } from './plan-hubs.ts';
import type { PlannedTables } from './plan-tables.ts';

/** What a run would do now, as `sluice plan --json` prints it. */
export interface RunPlan {
  readonly plannedAt: string;
  readonly lake: string;
  readonly onLoss: 'fail' | 'record';
  readonly hubs: readonly HubPlan[];
  readonly silver: readonly SilverPlan[];
  readonly gold: readonly GoldPlan[];
  readonly expected: Expectation;
  readonly warnings: readonly string[];
  readonly errors: readonly ErrorReceipt[];
  readonly exitCode: number;
}

export interface HubPlan {
  readonly dataset: string;
  readonly hub: string;
  readonly partitions: readonly PartitionRange[];
}

export interface PartitionRange {
  readonly partitionId: string;
  /** To be read, both inclusive; an empty range has first = last + 1. */
  readonly firstSequenceNumber: number;
  readonly lastSequenceNumber: number;
  readonly events: number;
  /** Lost before they were read, and not recorded yet. */
  readonly gap: { readonly firstSequenceNumber: number; readonly lastSequenceNumber: number } | null;
  readonly newestEnqueuedAt: string | null;
  /** All that wait came after this moment, when a run froze the partition's end; null where none is known. */
  readonly enqueuedAfter: string | null;
  readonly expectedSeconds: number;
}

export interface SilverPlan {
  readonly table: string;
  /** Bronze rows, files and bytes not judged yet. */
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** Events that this run would bring to bronze first. */
  readonly eventsToCome: number;
  readonly columnsToAdd: readonly string[];
}

export interface GoldPlan {
  readonly table: string;
  /** Tables that changed since the view was built, or will change in this run. */
  readonly sources: readonly string[];
  readonly rows: number;
  readonly files: number;
}

export interface PlanFindings extends PlannedTables {
  readonly hubs: readonly PlannedHub[];
  readonly history: readonly Receipt[];
  /** Who works on the lake now. */
  readonly holder: LeaseHolder | undefined;
}

/** The worst first, as for a run. */
const EXIT_CODES = [70, 5, 3, 4, 2] as const;

export function runPlanOf(facts: PlanPlace & PlanFindings): RunPlan {
  const { configuration, store, clock, history } = facts;
  const errors = [...facts.hubs, ...facts.silver, ...facts.gold].flatMap(({ error }) => (error ? [error] : []));
  const events = new Map(facts.hubs.map(({ dataset, found }) => [dataset, eventsOf(found?.partitions ?? [])]));
  const silver = facts.silver.map((each) => silverPlan(each, events.get(each.dataset) ?? 0));
  const moving = new Set(silver.filter(({ rows, eventsToCome }) => rows + eventsToCome > 0).map(({ table }) => table));
  const gold = facts.gold.map((each) => goldPlan(each, moving));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const expected = expectRun(history, {
    events: sum([...events.values()]),
    rowsForSilver: sum(silver.map(({ rows }) => rows)),
    rowsForGold: sum(gold.map(({ rows }) => rows)),
  });
  return {
    plannedAt: new Date(clock.nowMs()).toISOString(),
    lake: store.url,
    onLoss: configuration.onLoss,
    hubs: facts.hubs.map((each) => hubPlan(each, history, expected.secondsAnEvent)),
    silver,
    gold,
    expected,
    warnings: warningsOf(facts),
    errors: errors.map(({ code, exitCode, retryable, message }) => ({ code, exitCode, retryable, message })),
    exitCode: EXIT_CODES.find((code) => errors.some(({ exitCode }) => exitCode === code)) ?? 0,
  };
}

function hubPlan({ dataset, hub, found }: PlannedHub, history: readonly Receipt[], secondsAnEvent: number): HubPlan {
  const partitions = (found?.partitions ?? []).map((partition) => {
    const { partitionId, firstSequenceNumber, lastSequenceNumber, gap, lastEnqueuedAtMs } = partition;
    const events = eventsOf([partition]);
    return {
      partitionId,
      firstSequenceNumber,
      lastSequenceNumber,
      events,
      gap: gap === undefined ? null : range(gap),
      newestEnqueuedAt:
        events === 0 || lastEnqueuedAtMs === undefined ? null : new Date(lastEnqueuedAtMs).toISOString(),
      enqueuedAfter: events === 0 ? null : enqueuedAfter(history, dataset, partition),
      expectedSeconds: events * secondsAnEvent,
    };
  });
  return { dataset, hub, partitions };
}

function range({
  firstSequenceNumber,
  lastSequenceNumber,
}: {
  firstSequenceNumber: number;
  lastSequenceNumber: number;
}) {
  return { firstSequenceNumber, lastSequenceNumber };
}

function eventsOf(partitions: readonly PartitionPlan[]): number {
  return partitions.reduce((sum, each) => sum + Math.max(0, each.lastSequenceNumber + 1 - each.firstSequenceNumber), 0);
}

/** The newest run that froze the partition's end where this plan begins: all that waits came after it began. */
function enqueuedAfter(history: readonly Receipt[], dataset: string, partition: PartitionPlan): string | null {
  const run = history.find(({ hubs }) =>
    hubs.some(
      (hub) =>
        hub.dataset === dataset &&
        hub.partitions.some(
          ({ partitionId, lastSequenceNumber }) =>
            partitionId === partition.partitionId && lastSequenceNumber + 1 === partition.committed,
        ),
    ),
  );
  return run?.startedAt ?? null;
}

function warningsOf({ hubs, configuration, holder }: PlanPlace & PlanFindings): string[] {
  const hubWarnings = hubs.flatMap((each) => [
    ...lossWarnings(each, configuration.onLoss),
    ...(each.found?.warnings ?? []),
  ]);
  if (holder === undefined) return hubWarnings;
  const { runId, command, host, pid, renewedAt } = holder;
  const who = `${command} ${runId} (${host}, process ${pid}, seen ${renewedAt})`;
  return [`${who} works on the lake: a run now ends locked, unless that one is dead`, ...hubWarnings];
}

function lossWarnings({ hub, dataset, found }: PlannedHub, onLoss: 'fail' | 'record'): string[] {
  return (found?.partitions ?? []).flatMap(({ partitionId, gap }) => {
    if (gap === undefined) return [];
    const lost = `hub ${hub}, partition ${partitionId}: events ${gap.firstSequenceNumber} to ${gap.lastSequenceNumber}`;
    const then =
      onLoss === 'fail'
        ? 'a run commits nothing of this partition and ends with exit 3; SLUICE_ON_LOSS=record goes on after them'
        : `a run records them in the gaps table and goes on`;
    return [`${lost} expired before bronze/${dataset} had them: ${then}`];
  });
}

function silverPlan({ table, found }: PlannedTables['silver'][number], eventsToCome: number): SilverPlan {
  const { rows = 0, files = 0, bytes = 0, columnsToAdd = [] } = found ?? {};
  return { table, rows, files, bytes, eventsToCome, columnsToAdd };
}

function goldPlan({ table, reads, found }: PlannedTables['gold'][number], moving: ReadonlySet<string>): GoldPlan {
  const toCome = reads.filter((name) => moving.has(`silver/${name}`));
  const { rows = 0, files = 0, sources = [] } = found ?? {};
  return { table, sources: [...new Set([...sources, ...toCome])], rows, files };
}

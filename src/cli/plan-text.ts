import Table from 'cli-table3';
import { formatCount, formatSeconds, formatSize, formatUsd } from '../report/report.ts';
import type { HubPlan, PartitionRange, RunPlan } from './run-plan.ts';
import { formatAge } from './units.ts';

/** For a terminal: what is wrong first, then what would be read, what would be built, and what it would take. */
export function planText(plan: RunPlan): string {
  const sections = [
    `plan for ${plan.lake}: ${headline(plan)}`,
    ...plan.errors.map(({ code, message }) => `error ${code}: ${message}`),
    ...plan.warnings.map((warning) => `warning: ${warning}`),
    ...(isIdle(plan) ? [] : tables(plan)),
    expectation(plan),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

/** Tables of noughts tell nothing. */
function isIdle({ hubs, silver, gold }: RunPlan): boolean {
  const partitions = hubs.flatMap((hub) => hub.partitions);
  const waits = partitions.some(({ events, gap }) => events > 0 || gap !== null);
  return !waits && silver.every(({ rows }) => rows === 0) && gold.every(({ sources }) => sources.length === 0);
}

function tables(plan: RunPlan): string[] {
  const nowMs = Date.parse(plan.plannedAt);
  return [
    table(
      ['hub', 'partition', 'first', 'last', 'events', 'lost', 'newest', 'oldest', 'expected'],
      [2, 3, 4, 5, 6, 7, 8],
      plan.hubs.flatMap((hub) => hub.partitions.map((partition) => partitionRow(hub, partition, nowMs))),
    ),
    table(
      ['silver', 'events to come', 'bronze rows waiting', 'in files', 'bytes', 'new columns'],
      [1, 2, 3, 4],
      plan.silver.map((each) => [
        each.table,
        ...[each.eventsToCome, each.rows, each.files].map(formatCount),
        formatSize(each.bytes),
        each.columnsToAdd.join(', '),
      ]),
    ),
    table(
      ['gold', 'rows to compare', 'in files', 'because of'],
      [1, 2],
      plan.gold.map(({ table: name, rows, files, sources }) => [
        name,
        formatCount(rows),
        formatCount(files),
        sources.length === 0 ? 'nothing to do' : sources.join(', '),
      ]),
    ),
  ];
}

function headline({ hubs, silver, gold, errors }: RunPlan): string {
  if (errors.length > 0) return `incomplete, ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`;
  const events = hubs.flatMap(({ partitions }) => partitions).reduce((sum, each) => sum + each.events, 0);
  const waiting = silver.reduce((sum, each) => sum + each.rows, 0);
  if (events > 0) return `${formatCount(events)} events to read`;
  if (waiting > 0) return `no event to read, ${formatCount(waiting)} bronze rows to judge`;
  const views = gold.filter(({ sources }) => sources.length > 0);
  return views.length > 0
    ? `no event to read, ${views.length} views to build`
    : 'nothing to do, every partition is read up to its end';
}

function partitionRow({ hub }: HubPlan, partition: PartitionRange, nowMs: number): string[] {
  const { partitionId, firstSequenceNumber, lastSequenceNumber, events, gap } = partition;
  const age = (at: string | null, prefix: string): string =>
    at === null ? '' : `${prefix}${formatAge(nowMs - Date.parse(at))}`;
  return [
    hub,
    partitionId,
    ...[firstSequenceNumber, lastSequenceNumber, events].map(formatCount),
    gap === null ? '' : formatCount(gap.lastSequenceNumber + 1 - gap.firstSequenceNumber),
    age(partition.newestEnqueuedAt, ''),
    age(partition.enqueuedAfter, '< '),
    events === 0 ? '' : formatSeconds(partition.expectedSeconds),
  ];
}

function expectation({ expected }: RunPlan): string {
  const { seconds, cost, basis, runs } = expected;
  const past = runs === 1 ? 'the one run there was' : `the last ${runs} runs`;
  const from = basis === 'defaults' ? 'by defaults: there was no run yet' : `by ${past}`;
  return `expected: ${formatSeconds(seconds)}, in Azure about ${formatUsd(cost.totalUsd)} (${from})`;
}

function table(head: string[], right: readonly number[], rows: string[][]): string {
  if (rows.length === 0) return '';
  const printed = new Table({
    head,
    colAligns: head.map((_, index) => (right.includes(index) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  printed.push(...rows);
  return printed.toString();
}

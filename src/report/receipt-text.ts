import Table from 'cli-table3';
import { formatCount, formatDays, formatSeconds, formatSize, formatUsd, sumOf } from './numbers.ts';
import type { HubReceipt, Receipt } from './report.ts';

/** Lines for a terminal: the outcome first, then what came in, silver, gold, and what it took. */
export function receiptAsText(receipt: Receipt): string {
  const { reads, writes, lists, deletes } = receipt.storageCalls;
  const isShort = receipt.outcome === 'empty' || (receipt.outcome === 'locked' && receipt.hubs.length === 0);
  const sections = [
    `run ${receipt.runId}: ${receipt.outcome}, exit ${receipt.exitCode}, ${formatSeconds(receipt.seconds)}`,
    ...receipt.errors.map((error) => `error ${error.code}: ${error.message}`),
    ...receipt.warnings.map((warning) => `warning: ${warning}`),
    ...(isShort ? [nothingDone(receipt)] : tablesOf(receipt)),
    `CPU ${formatSeconds(receipt.cpuSeconds)}, peak memory ${formatSize(receipt.peakRssBytes)} ` +
      `of ${formatSize(receipt.memoryBytesMax)}, storage calls: ` +
      `${reads} reads, ${writes} writes, ${lists} lists, ${deletes} deletes; ` +
      `in Azure about ${formatUsd(receipt.cost.totalUsd)}`,
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

/** Tables of noughts tell nothing. */
function nothingDone({ outcome, hubs }: Receipt): string {
  if (outcome === 'locked') return 'another run works on the lake';
  const partitions = sumOf(hubs, (hub) => hub.partitions.length);
  return `nothing new in ${hubs.length} hubs, ${partitions} partitions`;
}

function tablesOf(receipt: Receipt): string[] {
  return [
    table(['hub', 'partition', 'first', 'last', 'rows', 'gap rows', 'bytes', 'lag before', 'lag after', 'outcome'], {
      right: [2, 3, 4, 5, 6, 7, 8],
      rows: receipt.hubs.flatMap(partitionRows),
    }),
    table(['silver', 'rows in', 'written', 'superseded', 'rejected', 'days rewritten'], {
      right: [1, 2, 3, 4],
      rows: receipt.silver.map((each) => [
        each.table,
        formatCount(each.rowsIn),
        formatCount(each.written),
        formatCount(each.superseded),
        formatCount(sumOf(Object.values(each.rejected), Number)),
        formatDays(each.daysRewritten),
      ]),
    }),
    ...receipt.silver.flatMap((each) => [
      ...pairs(`${each.table} rejected`, each.rejected),
      ...pairs(`${each.table} has unknown fields`, each.unknownFields),
    ]),
    table(['gold', 'rows in', 'rows written', 'days rewritten'], {
      right: [1, 2],
      rows: receipt.gold.map((each) => [
        each.table,
        formatCount(each.rowsIn),
        formatCount(each.rowsWritten),
        formatDays(each.daysRewritten),
      ]),
    }),
    table(['step', 'seconds', 'CPU seconds'], {
      right: [1, 2],
      rows: receipt.steps.map((each) => [each.step, each.seconds.toFixed(2), each.cpuSeconds.toFixed(2)]),
    }),
  ];
}

function partitionRows(hub: HubReceipt): string[][] {
  if (hub.partitions.length === 0) return [[hub.hub, '', '', '', '', '', '', '', '', hub.outcome]];
  return hub.partitions.map((each) => [
    hub.hub,
    each.partitionId,
    ...[each.firstSequenceNumber, each.lastSequenceNumber, each.rows, each.gapRows].map(formatCount),
    formatSize(each.bytes),
    ...[each.lagBefore, each.lagAfter].map(formatCount),
    each.outcome,
  ]);
}

function pairs(title: string, counts: Readonly<Record<string, number>>): string[] {
  const found = Object.entries(counts).map(([name, count]) => `${name} ${formatCount(count)}`);
  return found.length === 0 ? [] : [`${title}: ${found.join(', ')}`];
}

function table(head: string[], body: { right: readonly number[]; rows: string[][] }): string {
  if (body.rows.length === 0) return '';
  const printed = new Table({
    head,
    colAligns: head.map((_, index) => (body.right.includes(index) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  printed.push(...body.rows);
  return printed.toString();
}

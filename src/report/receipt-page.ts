import { readFileSync } from 'node:fs';
import { Eta } from 'eta/core';
import { formatCount, formatDays, formatSeconds, formatSize, formatUsd, sumOf } from './numbers.ts';
import type { GoldDayChart, Receipt } from './report.ts';

const OUTCOME_TEXT = {
  complete: 'Everything that waited when the run began is in the lake.',
  empty: 'Nothing new waited.',
  stopped: 'The run was asked to stop; what was read is committed.',
  locked: 'Another run holds the lake; this one changed nothing more.',
  failed: 'A part of the run failed; what was committed stands.',
} as const;

/** The page as one text: style inside, no script, nothing fetched. */
export function renderPage(receipt: Receipt): string {
  const file = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
  const partitions = receipt.hubs.flatMap((hub) => hub.partitions.map((partition) => ({ ...hub, ...partition })));
  return new Eta({ autoEscape: true }).renderString(file('receipt-page.eta'), {
    receipt,
    style: file('receipt-page.css'),
    outcomeText: OUTCOME_TEXT[receipt.outcome],
    partitions,
    totals: {
      rows: sumOf(partitions, (each) => each.rows),
      bytes: sumOf(partitions, (each) => each.bytes),
      gapRows: sumOf(partitions, (each) => each.gapRows),
      lagBefore: sumOf(partitions, (each) => each.lagBefore),
      lagAfter: sumOf(partitions, (each) => each.lagAfter),
      rejected: sumOf(receipt.silver, (each) => sumOf(Object.values(each.rejected), Number)),
      goldRows: sumOf(receipt.gold, (each) => each.rowsWritten),
    },
    rejections: receipt.silver.flatMap(({ table, rejected }) =>
      Object.entries(rejected).map(([reason, count]) => ({ table, reason, count })),
    ),
    unknownFields: receipt.silver.flatMap(({ table, unknownFields }) =>
      Object.entries(unknownFields).map(([name, count]) => ({ table, name, count })),
    ),
    steps: scaled(receipt.steps, (step) => step.seconds),
    charts: receipt.charts.filter((chart) => chart.bars.length > 0).map(barChart),
    format: { count: formatCount, seconds: formatSeconds, size: formatSize, usd: formatUsd, days: formatDays },
  });
}

/** Each item with its share of the greatest, in percent. */
function scaled<T>(items: readonly T[], value: (item: T) => number): (T & { readonly percent: number })[] {
  const most = Math.max(...items.map(value), 0);
  return items.map((item) => ({ ...item, percent: most === 0 ? 0 : (100 * value(item)) / most }));
}

/** Bars on one axis that holds zero: a measure may be below it. */
function barChart(chart: GoldDayChart): object {
  const values = chart.bars.map((bar) => bar.value);
  const least = Math.min(0, ...values);
  const span = Math.max(0, ...values) - least || 1;
  const digits = values.every(Number.isInteger) ? 0 : 2;
  const bars = chart.bars.map((bar) => ({
    ...bar,
    text: bar.value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    left: (100 * (Math.min(bar.value, 0) - least)) / span,
    percent: (100 * Math.abs(bar.value)) / span,
  }));
  return { ...chart, bars };
}

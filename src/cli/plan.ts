import { systemClock } from '../base/clock.ts';
import { leaseHolder } from '../storage/lease.ts';
import { readConfiguration } from './configuration.ts';
import { loadPipeline, openLakeStore } from './lake.ts';
import { planHubs } from './plan-hubs.ts';
import { planTables } from './plan-tables.ts';
import { planText } from './plan-text.ts';
import { runPlanOf } from './run-plan.ts';
import type { Terminal } from './terminal.ts';

/**
 * `sluice plan`: what a run would do now, from the hubs' own numbers and the tables' logs. No event is read and
 * nothing is written, also where there is no lake yet. A hub or table that cannot be planned is told and gives the
 * exit code; what a run would meet (a loss, say) is part of the plan, and no failure of it.
 */
export async function plan(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  const pipeline = await loadPipeline(configuration);
  const signal = AbortSignal.any([terminal.stop.soft, terminal.stop.hard]);
  const store = await openLakeStore(configuration, terminal, { readOnly: true });
  const place = { configuration, pipeline, store, clock: systemClock, log };
  const { readReceipts } = await import('../report/report.ts');
  const [hubs, tables, history, holder] = await Promise.all([
    planHubs(place, signal),
    planTables(place, signal),
    readReceipts(store, signal),
    leaseHolder(store, signal),
  ]);
  const found = runPlanOf({ ...place, hubs, ...tables, history, holder });
  terminal.print(options.json === true ? `${JSON.stringify(found, null, 2)}\n` : planText(found));
  return found.exitCode;
}

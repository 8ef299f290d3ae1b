import { fileURLToPath } from 'node:url';
import { isAbort, toSluiceError } from '../base/errors.ts';
import { appendRuns, receiptText, writeReport, type Receipt } from '../report/report.ts';
import type { RunContext } from './ingest-steps.ts';
import type { Terminal } from './terminal.ts';
import { RUNS_ROOT } from './tables.ts';

/** The receipt of a run, written beside its tables unless another run holds the lake. Never fails: the work is done. */
export async function leaveReceipt(run: RunContext): Promise<Receipt> {
  const { lake, record, held, configuration, to } = run;
  const { soft, work } = held.stops;
  // Bronze tells its own failures when it meets them.
  const unreached = run.hubs.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
  for (const error of [...unreached, ...record.errors]) {
    lake.log.error(error.message, { code: error.code, exitCode: error.exitCode, retryable: error.retryable });
  }
  if (record.isUnavailable()) await held.lease?.look();
  const { timeZone, memoryBytesMax } = configuration;
  const facts = { command: 'ingest-once', to, timeZone, memoryBytesMax };
  const ended = { locked: held.isLocked(), stopped: soft.aborted };
  const receipt = record.receipt(lake, facts, ended);
  if (held.lease === undefined) return receipt;
  try {
    const { scratch, runId, clock, log } = lake;
    const target = {
      table: lake.table(RUNS_ROOT),
      scratch,
      fence: held.lease.number,
    };
    await writeReport(lake.store, receipt, work);
    await appendRuns(receipt, target, { runId, clock, log }, work);
  } catch (error) {
    if (isAbort(error)) throw error;
    lake.log.warn(`the receipt could not be written: ${toSluiceError(error).message}`);
  }
  return receipt;
}

/** One JSON document, or text that ends with where the page is. */
export function printReceipt(receipt: Receipt, json: boolean, terminal: Terminal): void {
  if (json) return terminal.print(`${JSON.stringify(receipt, null, 2)}\n`);
  terminal.print(receiptText(receipt));
  if (receipt.outcome !== 'locked') terminal.print(`report: ${reportPlace(receipt)}\n`);
}

/** What stands in the place of a receipt, as JSON, where the run ended before it did anything. */
export function printFailure(thrown: unknown, terminal: Terminal): void {
  const { code, exitCode, retryable, message } = toSluiceError(thrown);
  const document = { outcome: 'failed', exitCode, errors: [{ code, exitCode, retryable, message }] };
  terminal.print(`${JSON.stringify(document, null, 2)}\n`);
}

function reportPlace({ lake, runId }: Receipt): string {
  const path = `_sluice/reports/${runId}.html`;
  return lake.startsWith('file:') ? `${fileURLToPath(lake)}/${path}` : `${lake}/${path}`;
}

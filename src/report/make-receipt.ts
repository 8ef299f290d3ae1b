import { toSluiceError, type SluiceError } from '../base/errors.ts';
import { estimateCost } from './azure-cost.ts';
import type { ErrorReceipt, HubReceipt, Receipt, RunFacts } from './report.ts';

/** The worst first: what a program that runs us has to know before anything else. */
const EXIT_CODES = [70, 5, 3, 4, 2] as const;

export function makeReceipt(facts: RunFacts): Receipt {
  const errors = [...facts.bronze.flatMap((hub) => [...hub.errors]), ...facts.errors].map(toSluiceError);
  const seconds = (facts.endedAtMs - facts.startedAtMs) / 1000;
  return {
    runId: facts.runId,
    command: facts.command,
    to: facts.to,
    outcome: facts.outcome,
    exitCode: EXIT_CODES.find((exitCode) => errors.some((error) => error.exitCode === exitCode)) ?? 0,
    startedAt: new Date(facts.startedAtMs).toISOString(),
    endedAt: new Date(facts.endedAtMs).toISOString(),
    seconds,
    cpuSeconds: facts.cpuSeconds,
    peakRssBytes: facts.peakRssBytes,
    memoryBytesMax: facts.memoryBytesMax,
    lake: facts.lake,
    timeZone: facts.timeZone,
    hubs: facts.bronze.map(hubReceipt),
    silver: facts.silver.map(({ dataset, ...outcome }) => ({
      table: `silver/${dataset}`,
      outcome: outcome.outcome,
      rowsIn: outcome.rowsIn,
      accepted: outcome.accepted,
      written: outcome.written,
      superseded: outcome.superseded,
      rejected: outcome.rejected,
      unknownFields: outcome.unknownFields,
      daysRewritten: outcome.daysRewritten,
    })),
    gold: facts.gold.map(({ view, outcome, rowsIn, rowsWritten, daysRewritten }) => ({
      table: `gold/${view}`,
      outcome,
      rowsIn,
      rowsWritten,
      daysRewritten,
    })),
    steps: facts.steps,
    storageCalls: facts.storageCalls,
    cost: estimateCost(seconds, facts.storageCalls),
    warnings: facts.bronze.flatMap((hub) => [...hub.warnings]),
    errors: errors.map(errorReceipt),
    charts: facts.charts,
  };
}

function hubReceipt(hub: RunFacts['bronze'][number]): HubReceipt {
  const { dataset, outcome, files, bytesWritten, commits } = hub;
  const partitions = hub.partitions.map((partition) => ({
    partitionId: partition.partitionId,
    firstSequenceNumber: partition.first,
    lastSequenceNumber: partition.last,
    rows: partition.rows,
    gapRows: partition.gapRows,
    bytes: partition.bytes,
    lagBefore: partition.lagBefore,
    lagAfter: partition.lagAfter,
    outcome: partition.outcome,
  }));
  return { dataset, hub: hub.hub, outcome, partitions, files, bytesWritten, commits };
}

function errorReceipt({ code, exitCode, retryable, message }: SluiceError): ErrorReceipt {
  return { code, exitCode, retryable, message };
}

import { isAbort, toSluiceError, type SluiceError } from '../base/errors.ts';
import type { BronzeOutcome, RunOutcome } from '../bronze/bronze.ts';
import type { GoldOutcome } from '../gold/gold.ts';
import { receiptOf, type GoldDayChart, type Receipt, type StepReceipt } from '../report/report.ts';
import type { SilverOutcome } from '../silver/silver.ts';
import type { Lake } from './lake.ts';

/** What a run gathers on its way, and the receipt that comes of it. */
export class RunRecord {
  bronze: readonly BronzeOutcome[] = [];
  readonly silver: SilverOutcome[] = [];
  readonly gold: GoldOutcome[] = [];
  readonly charts: GoldDayChart[] = [];
  private readonly steps: StepReceipt[] = [];
  /** Of silver and gold; a hub's are in its outcome. */
  readonly errors: SluiceError[] = [];
  private readonly startedAtMs: number;
  private readonly cpuAtStart: NodeJS.CpuUsage;

  /** `wholeProcess`: what the process took before this moment belongs to the run. */
  constructor(nowMs: number, wholeProcess: boolean) {
    this.startedAtMs = wholeProcess ? Math.round(performance.timeOrigin) : nowMs;
    this.cpuAtStart = wholeProcess ? { user: 0, system: 0 } : process.cpuUsage();
  }

  /** Runs a step and keeps its seconds, also those of one that fails. */
  async time<T>(step: string, action: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const cpu = process.cpuUsage();
    try {
      return await action();
    } finally {
      const { user, system } = process.cpuUsage(cpu);
      this.steps.push({ step, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 });
    }
  }

  /** A table that fails stops no other: its error is kept, and the run goes on. An abort ends the run. */
  async attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (isAbort(error)) throw error;
      this.errors.push(toSluiceError(error));
      return undefined;
    }
  }

  receipt(
    lake: Lake,
    facts: Pick<Receipt, 'command' | 'to' | 'timeZone' | 'memoryBytesMax'>,
    ended: { readonly locked: boolean; readonly stopped: boolean },
  ): Receipt {
    const { user, system } = process.cpuUsage(this.cpuAtStart);
    const superseded = ended.locked && this.isUnavailable();
    return receiptOf({
      ...facts,
      runId: lake.runId,
      outcome: superseded ? 'locked' : this.outcome(ended),
      startedAtMs: this.startedAtMs,
      endedAtMs: lake.clock.nowMs(),
      cpuSeconds: (user + system) / 1e6,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      lake: lake.store.url,
      bronze: superseded ? this.bronze.map(withErrorsAsWarnings) : this.bronze,
      silver: this.silver,
      gold: this.gold,
      steps: this.steps,
      storageCalls: lake.calls(),
      errors: superseded ? [] : this.errors,
      charts: this.charts,
    });
  }

  /** Something failed, and only services that did not answer. */
  isUnavailable(): boolean {
    const errors = [...this.bronze.flatMap((hub) => hub.errors), ...this.errors];
    return errors.length > 0 && errors.every((error) => error.exitCode === 4);
  }

  private outcome(ended: { readonly locked: boolean; readonly stopped: boolean }): RunOutcome {
    const outcomes = [...this.bronze, ...this.silver, ...this.gold].map((each) => each.outcome);
    const failed = this.errors.length > 0 || this.bronze.some((hub) => hub.errors.length > 0);
    if (failed || outcomes.includes('failed')) return 'failed';
    if (ended.locked || outcomes.includes('locked')) return 'locked';
    if (ended.stopped || outcomes.includes('stopped')) return 'stopped';
    return outcomes.every((outcome) => outcome === 'empty') ? 'empty' : 'complete';
  }
}

/** A paused run wakes up with dead connections. Another has its work by now: that these failed is no failure. */
function withErrorsAsWarnings(hub: BronzeOutcome): BronzeOutcome {
  if (hub.errors.length === 0) return hub;
  const warnings = [...hub.warnings, ...hub.errors.map((error) => error.message)];
  return { ...hub, outcome: 'locked', errors: [], warnings };
}

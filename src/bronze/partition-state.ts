import type { SluiceError } from '../base/errors.ts';
import type { PartitionPlan } from './bronze.ts';

/** How far a partition has come in this run. */
export interface PartitionState {
  plan: PartitionPlan;
  /** Next number wanted as the table has it; undefined: the table has never seen the partition. */
  committed: number | undefined;
  /** Next number wanted after what stands in the buffer: all before it is there, committed, or a recorded gap. */
  next: number;
  /** Version of the partition's transaction in the gaps table. */
  recordedGapBelow: number | undefined;
  /** Of event `committed - 1`, where it was read by this run. */
  lastOffset: string | undefined;
  lastEnqueuedAtMs: number | undefined;
  rows: number;
  gapRows: number;
  bytes: number;
  error: SluiceError | undefined;
}

export function newPartitionState(plan: PartitionPlan): PartitionState {
  return {
    ...progressOf(plan),
    lastEnqueuedAtMs: plan.lastEnqueuedAtMs,
    rows: 0,
    gapRows: 0,
    bytes: 0,
  };
}

/** Where a partition stands by a new plan; what it has counted so far stays. */
export function progressOf(
  plan: PartitionPlan,
): Pick<PartitionState, 'plan' | 'committed' | 'next' | 'recordedGapBelow' | 'lastOffset' | 'error'> {
  return {
    plan,
    committed: plan.committed,
    next: plan.gap === undefined ? plan.firstSequenceNumber : plan.gap.firstSequenceNumber,
    recordedGapBelow: plan.recordedGapBelow,
    lastOffset: undefined,
    error: undefined,
  };
}

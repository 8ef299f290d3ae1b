import type { CostEstimate, StorageCalls } from './report.ts';

/** List prices in USD, westus2, as published in 2026; no discount, no free grant. Check them against your own. */
const PRICES = {
  /** Azure Container Apps, consumption plan, active use. */
  vcpuSecond: 0.000024,
  gibSecond: 0.000003,
  /** Block blob, hot tier, locally redundant, for 10,000 calls; a listing is billed as a write, a delete is free. */
  tenThousandWrites: 0.05,
  tenThousandReads: 0.004,
} as const;

/** The smallest container that drains to bronze and builds gold, see the README's sizes. */
const CONTAINER = { vcpu: 1, memoryGiB: 2 } as const;

/** What a run of this length with these calls costs as a container job. */
export function estimateCost(seconds: number, calls: StorageCalls): CostEstimate {
  const { vcpu, memoryGiB } = CONTAINER;
  const computeUsd = seconds * (vcpu * PRICES.vcpuSecond + memoryGiB * PRICES.gibSecond);
  const writes = ((calls.writes + calls.lists) / 10_000) * PRICES.tenThousandWrites;
  const storageCallsUsd = writes + (calls.reads / 10_000) * PRICES.tenThousandReads;
  const formula =
    `seconds × (${vcpu} vCPU × ${PRICES.vcpuSecond} + ${memoryGiB} GiB × ${PRICES.gibSecond.toFixed(6)})` +
    ` + (writes + lists) / 10,000 × ${PRICES.tenThousandWrites} + reads / 10,000 × ${PRICES.tenThousandReads}`;
  return { estimate: true, totalUsd: computeUsd + storageCallsUsd, computeUsd, storageCallsUsd, formula };
}

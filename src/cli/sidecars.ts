import type { Clock } from '../base/clock.ts';
import type { Maintenance } from './maintain.ts';

const DAY_MS = 86_400_000;

const limits = {
  /** Receipts are what a person looks back at: they stay longer than old snapshots. */
  reportsMsMin: 90 * DAY_MS,
  /** What a rebuild has staged is taken for garbage after a day: so is what says so. */
  rebuildMsMin: DAY_MS,
  /** Leases before the newest that stay: their numbers only have to grow. */
  leasesKept: 16,
} as const;

/** An object beside the tables that nothing needs any more. */
export interface Sidecar {
  readonly path: string;
  readonly sizeBytes: number;
  readonly kind: 'report' | 'lease' | 'key pack' | 'rebuild';
}

/** As much of the maintenance as is looked at. */
export interface SidecarPlace {
  readonly lake: Pick<Maintenance['lake'], 'store'> & { readonly clock: Pick<Clock, 'nowMs'> };
  readonly pipeline: Maintenance['pipeline'];
}

/**
 * Old receipts, leases that were followed by others, what rebuilds left that nobody went on with, and key packs of
 * tables that the pipeline does not have. Of the packs of its tables the dead ones go when packs are folded.
 */
export async function findSidecars(
  { lake, pipeline }: SidecarPlace,
  retainMs: number,
  signal: AbortSignal,
): Promise<Sidecar[]> {
  const nowMs = lake.clock.nowMs();
  const found = async (folder: string, kind: Sidecar['kind'], ageMs: number): Promise<Sidecar[]> => {
    const dead: Sidecar[] = [];
    for await (const { path, sizeBytes, modifiedAtMs } of lake.store.list(`_sluice/${folder}/`, signal)) {
      if (modifiedAtMs < nowMs - ageMs) dead.push({ path, sizeBytes, kind });
    }
    return dead;
  };
  const datasets = new Set(pipeline.datasets.map(({ name }) => name));
  const reports = await found('reports', 'report', Math.max(retainMs, limits.reportsMsMin));
  const packs = (await found('keys', 'key pack', retainMs)).filter(
    ({ path }) => !datasets.has(path.split('/')[2] ?? ''),
  );
  const rebuilds = await found('rebuild', 'rebuild', Math.max(retainMs, limits.rebuildMsMin));
  return [...reports, ...(await oldLeases(lake, nowMs - retainMs, signal)), ...packs, ...rebuilds];
}

/** The greatest number is the fence: the newest stay, however old they are. */
async function oldLeases(lake: SidecarPlace['lake'], beforeMs: number, signal: AbortSignal): Promise<Sidecar[]> {
  const leases: { number: number; old: boolean; sidecar: Sidecar }[] = [];
  for await (const { path, sizeBytes, modifiedAtMs } of lake.store.list('_sluice/lease/', signal)) {
    const number = Number(/\/(\d+)\.json$/.exec(path)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) continue;
    leases.push({ number, old: modifiedAtMs < beforeMs, sidecar: { path, sizeBytes, kind: 'lease' } });
  }
  const inOrder = leases.toSorted((left, right) => right.number - left.number);
  return inOrder
    .slice(limits.leasesKept)
    .filter(({ old }) => old)
    .map(({ sidecar }) => sidecar);
}

import type { ObjectStore } from '../storage/storage.ts';
import type { Receipt } from './report.ts';

const FOLDER = '_sluice/reports/';
/** Receipts that are read, the newest. */
const RUNS_MAX = 30;
const READS_AT_ONCE = 10;

/** See the door. Run ids begin with their time, so that their order is that of the runs. */
export async function receiptsOf(store: ObjectStore, signal: AbortSignal): Promise<Receipt[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(FOLDER, signal)) {
    if (path.endsWith('.json')) paths.push(path);
  }
  const newest = paths.slice(-RUNS_MAX).toReversed();
  const receipts: Receipt[] = [];
  for (let at = 0; at < newest.length; at += READS_AT_ONCE) {
    const read = newest.slice(at, at + READS_AT_ONCE).map((path) => store.read(path, signal));
    receipts.push(...(await Promise.all(read)).flatMap(receiptIn));
  }
  return receipts;
}

/** One that is gone meanwhile, or was cut off, tells nothing; it stops nobody. */
function receiptIn(data: Uint8Array | undefined): Receipt[] {
  if (data === undefined) return [];
  try {
    const found = JSON.parse(new TextDecoder().decode(data)) as Receipt;
    return Array.isArray(found.hubs) && Array.isArray(found.steps) ? [found] : [];
  } catch {
    return [];
  }
}

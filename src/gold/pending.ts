import { readSnapshot, rowCountOf } from '../delta/delta.ts';
import type { GoldOptions, GoldPending } from './gold.ts';
import { changesOf, isPending, pinSources } from './pinned-sources.ts';

/** See the door. */
export async function pendingOf(
  options: Pick<GoldOptions, 'view' | 'tables' | 'gold'>,
  signal: AbortSignal,
): Promise<GoldPending> {
  const [, sources] = await pinSources(options, readSnapshot(options.gold, signal), signal);
  const changes = await Promise.all(sources.filter(isPending).map((source) => changesOf(source, signal)));
  const moved = changes.map(({ source, added, removed }) => ({
    table: source.read.table,
    files: [...added, ...removed],
  }));
  const files = moved.flatMap((each) => each.files);
  return {
    sources: moved.filter((each) => each.files.length > 0).map(({ table }) => table),
    files: files.length,
    rows: files.reduce((sum, file) => sum + (rowCountOf(file) ?? 0), 0),
  };
}

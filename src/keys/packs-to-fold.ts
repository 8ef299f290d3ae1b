/** Each look-up reads all packs. */
export const PACKS_MAX = 16;

/** A pack is folded along with smaller ones of at least this share of its size: so a key is written seldom. */
const SHARE_MIN = 0.25;

interface Pack {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * The packs to fold into the next one: none while there is room for it, else the smaller half, and each larger one
 * that the smaller ones together come near to.
 */
export function packsToFold<P extends Pack>(packs: readonly P[]): P[] {
  if (packs.length < PACKS_MAX) return [];
  const bySize = packs.toSorted((left, right) => left.sizeBytes - right.sizeBytes);
  const folded = bySize.slice(0, packs.length - PACKS_MAX / 2);
  let bytes = folded.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const pack of bySize.slice(folded.length)) {
    if (bytes < SHARE_MIN * pack.sizeBytes) break;
    folded.push(pack);
    bytes += pack.sizeBytes;
  }
  return folded;
}

/** The candidate that a person most likely meant, undefined where none is near. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const wanted = text.toLowerCase();
  const begun = candidates.filter((name) => wanted.length > 2 && name.toLowerCase().startsWith(wanted));
  if (begun.length === 1) return begun[0];
  const [best] = candidates
    .map((name) => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(2, Math.ceil(best.name.length * 0.4)) ? best.name : undefined;
}

/** A sentence for a message: `; did you mean X?` or what there is. */
export function suggestion(text: string, candidates: readonly string[]): string {
  const near = nearest(text, candidates);
  return near === undefined ? `there are: ${candidates.join(', ')}` : `did you mean ${near}?`;
}

/** Edits (insert, delete, replace) from one text to the other. */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

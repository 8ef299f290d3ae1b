/** Sequence numbers, both ends inclusive. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** What is left of a range without these others, which are in order and do not overlap. */
export function without(range: NumberRange, others: readonly NumberRange[]): NumberRange[] {
  const left: NumberRange[] = [];
  let first = range.first;
  for (const other of others) {
    if (other.last < first || other.first > range.last) continue;
    if (other.first > first) left.push({ first, last: other.first - 1 });
    first = other.last + 1;
  }
  return first > range.last ? left : [...left, { first, last: range.last }];
}

export function countOf(ranges: readonly NumberRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

import { describe, expect, test } from 'vitest';
import type { SluiceError } from '../../../src/base/errors.ts';
import { gapTransactionName, planHub, transactionName } from '../../../src/bronze/plan.ts';
import type { PlanFacts } from '../../../src/bronze/plan.ts';

const created = Date.UTC(2025, 0, 1);
const name = transactionName('calls', created, '0');
const gapName = gapTransactionName('calls', created, '0');

interface Case {
  /** First retained and last number of the partition. */
  readonly hub: readonly [number, number];
  readonly committed?: number;
  readonly recorded?: number;
  readonly checkpoint?: number;
  readonly start?: 'earliest' | 'latest';
  readonly frozen?: number;
}

function factsOf({ hub: [first, last], committed, recorded, checkpoint, start, frozen }: Case): PlanFacts {
  return {
    dataset: 'calls',
    hub: { name: 'calls', createdAtMs: created, partitionIds: ['0'] },
    partitions: [
      {
        partitionId: '0',
        firstSequenceNumber: first,
        lastSequenceNumber: last,
        lastEnqueuedAtMs: undefined,
        lastOffset: 'x',
      },
    ],
    transactions: new Map(committed === undefined ? [] : [[name, committed]]),
    gapTransactions: new Map(recorded === undefined ? [] : [[gapName, recorded]]),
    checkpoints: new Map(checkpoint === undefined ? [] : [['0', checkpoint]]),
    start: start ?? 'earliest',
    ...(frozen === undefined ? {} : { frozenEnds: new Map([['0', frozen]]) }),
  };
}

function planned(of: Case): [begin: number, first: number, last: number, gap?: [number, number]] {
  const [plan] = planHub(factsOf(of)).partitions;
  if (plan === undefined) throw new Error('no plan');
  const gap = plan.gap && ([plan.gap.firstSequenceNumber, plan.gap.lastSequenceNumber] as [number, number]);
  const { begin, firstSequenceNumber, lastSequenceNumber } = plan;
  return gap ? [begin, firstSequenceNumber, lastSequenceNumber, gap] : [begin, firstSequenceNumber, lastSequenceNumber];
}

describe('a partition is planned from what the hub retains and what the table has', () => {
  const cases: readonly (readonly [string, Case, ReturnType<typeof planned>])[] = [
    ['never written, never read', { hub: [0, -1] }, [0, 0, -1]],
    ['never written, but known to the table', { hub: [0, -1], committed: 0 }, [0, 0, -1]],
    ['never read: from the first event retained', { hub: [5, 9] }, [5, 5, 9]],
    ['never read and empty after retention', { hub: [10, 9] }, [10, 10, 9]],
    ['never read, from the latest', { hub: [5, 9], start: 'latest' }, [10, 10, 9]],
    [
      'read before: where the table ends, whatever the start says',
      { hub: [0, 9], committed: 7, start: 'latest' },
      [7, 7, 9],
    ],
    ['nothing new', { hub: [0, 9], committed: 10 }, [10, 10, 9]],
    ['events expired before they were read', { hub: [8, 9], committed: 5 }, [5, 8, 9, [5, 7]]],
    ['all that was wanted expired', { hub: [10, 9], committed: 5 }, [5, 10, 9, [5, 9]]],
    ['expired events that were read are no loss', { hub: [8, 9], committed: 8 }, [8, 8, 9]],
    ['a gap recorded by a run that died before its commit', { hub: [8, 9], committed: 5, recorded: 8 }, [5, 8, 9]],
    ['and more expired since', { hub: [9, 9], committed: 5, recorded: 8 }, [5, 9, 9, [8, 8]]],
    ['an old recorded gap plays no part', { hub: [0, 9], committed: 7, recorded: 3 }, [7, 7, 9]],
    ['frozen ends stay in a second plan', { hub: [0, 20], committed: 7, frozen: 9 }, [7, 7, 9]],
  ];
  test.each(cases)('%s', (_title, given, expected) => {
    expect(planned(given)).toEqual(expected);
  });
});

const codeOf = (facts: PlanFacts): string | undefined => {
  try {
    planHub(facts);
    return undefined;
  } catch (error) {
    return (error as SluiceError).code;
  }
};

describe('a hub that is not the one of the table', () => {
  test('created at another time is hub_recreated', () => {
    const facts = factsOf({ hub: [0, 9], committed: 3 });
    expect(codeOf(facts)).toBeUndefined();
    expect(codeOf({ ...facts, hub: { ...facts.hub, createdAtMs: created + 1 } })).toBe('hub_recreated');
  });

  test('whose numbers end before the next one wanted is hub_recreated', () => {
    expect(codeOf(factsOf({ hub: [0, 9], committed: 11 }))).toBe('hub_recreated');
  });

  test('of another dataset in the same table log is none of our business', () => {
    const facts = factsOf({ hub: [0, 9] });
    expect(codeOf({ ...facts, transactions: new Map([[transactionName('calls_more', 1, '0'), 3]]) })).toBeUndefined();
  });
});

test('a checkpoint ahead of the table is a warning, one behind it is normal', () => {
  const warnings = (checkpoint: number): number =>
    planHub(factsOf({ hub: [0, 9], committed: 7, checkpoint })).warnings.length;
  expect([5, 6, 7].map(warnings)).toEqual([0, 0, 1]);
  expect(planHub(factsOf({ hub: [0, 9], checkpoint: 3 })).warnings).toHaveLength(1);
});

import { describe, expect, test } from 'vitest';
import { SluiceError, type ErrorCode } from '../../../src/base/errors.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { RunRecord } from '../../../src/cli/run-record.ts';
import type { Lake } from '../../../src/cli/lake.ts';
import type { BronzeOutcome } from '../../../src/bronze/bronze.ts';

const calls = () => ({ reads: 0, writes: 0, lists: 0, deletes: 0 });
const lake = { runId: 'run', store: { url: 'memory:' }, clock: systemClock, calls } as unknown as Lake;
const facts = { command: 'ingest-once', to: 'gold', timeZone: 'UTC', memoryBytesMax: 1 };

function failing(code: ErrorCode, locked: boolean) {
  const record = new RunRecord(0, false);
  const hub: BronzeOutcome = {
    dataset: 'calls',
    hub: 'calls',
    partitions: [],
    outcome: 'failed',
    warnings: [],
    errors: [new SluiceError(code, 'no answer')],
    files: 0,
    bytesWritten: 0,
    commits: 0,
    stepSeconds: { plan: 0, receive: 0, write: 0, commit: 0, checkpoint: 0 },
  };
  record.bronze = [hub];
  return record.receipt(lake, facts, { locked, stopped: locked });
}

describe('a service that did not answer', () => {
  test('is a failure of the run that holds the lease', () => {
    expect(failing('receiver_stalled', false)).toMatchObject({ outcome: 'failed', exitCode: 4 });
  });

  test('is a warning to a run that was paused and lost its lease to another: locked, exit 0', () => {
    const receipt = failing('receiver_stalled', true);
    expect(receipt).toMatchObject({ outcome: 'locked', exitCode: 0, errors: [], warnings: ['no answer'] });
    expect(receipt.hubs).toMatchObject([{ outcome: 'locked' }]);
  });
});

test.each(['events_lost', 'table_corrupt', 'internal'] as const)('%s is a failure also without the lease', (code) => {
  const receipt = failing(code, true);
  expect(receipt.outcome).toBe('failed');
  expect([3, 5, 70]).toContain(receipt.exitCode);
});

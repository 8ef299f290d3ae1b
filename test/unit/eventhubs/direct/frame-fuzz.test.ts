import { expect, test } from 'vitest';
import { fuzzFrames } from '../../../support/frame-fuzz.ts';

/** The long run is `npm run test:fuzz`. Seeds that ever failed stand here. */
const SEEDS = [1, 500_000];

test('broken frames and cut streams end in a ProtocolViolation or in nothing, never in anything else', () => {
  for (const seed of SEEDS) {
    const tally = fuzzFrames(5_000, seed);
    expect(tally.refused).toBeGreaterThan(100);
    expect(tally.sound).toBeGreaterThan(50);
    expect(tally.events).toBeGreaterThan(500);
  }
});

import { fuzzFrames } from '../support/frame-fuzz.ts';

// 100,000 broken frames and cut streams at the direct receiver's parser: npm run test:fuzz -- [FRAMES] [SEED]
const [frames = '100000', seed = '1'] = process.argv.slice(2);
const started = performance.now();
const tally = fuzzFrames(Number(frames), Number(seed));
console.log(`${JSON.stringify(tally)} in ${((performance.now() - started) / 1000).toFixed(1)} s`);

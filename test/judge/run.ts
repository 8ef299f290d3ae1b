import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../src/duckdb/duckdb.ts';
import { tryBodies, type Tried } from '../support/two-path-judging.ts';

/**
 * Feeds bent bodies to both ways of judging and expects what zod alone says of every one:
 * `npm run test:judge -- [--bodies 200000] [--seed 1]`. A seed that fails is named; add it to FAILED_ONCE of
 * test/unit/silver/judge-bronze.test.ts.
 */
const BODIES_A_SEED = 2500;

const { values } = parseArgs({
  options: { bodies: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
});
const [bodies, first] = [Number(values.bodies), Number(values.seed)];
const database = await openDatabase({ memoryBytesMax: 2 ** 29, threads: 2, temporaryFolder: tmpdir() });
const tried: Tried[] = [];
for (let seed = first; (seed - first) * BODIES_A_SEED < bodies; seed++) {
  tried.push(await tryBodies(database, seed, BODIES_A_SEED));
}
database.close();
const sum = (figure: keyof Tried): string =>
  tried.reduce((total, each) => total + each[figure], 0).toLocaleString('en-US');
console.log(
  `${sum('bodies')} bodies, seeds ${first} to ${first + tried.length - 1}: ` +
    `${sum('accepted')} accepted, ${sum('scanned')} of them by the scanner; not one judged otherwise than by zod alone`,
);

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../base/errors.ts';
import { run } from './child.ts';
import type { SparkEnvironment, Variables } from './environment.ts';

const RUNNER = fileURLToPath(new URL('../../deploy/databricks/local/run_notebooks.py', import.meta.url));

export const NOTEBOOKS = {
  bronze: ['bronze'],
  refine: [
    'dimensions',
    'silver_ivr_calls',
    'silver_call_legs',
    'silver_surveys',
    'gold_agent_daily',
    'gold_queue_daily',
  ],
} as const;

/** What a run of the notebooks took. */
export interface ReferenceRun {
  /** Of each notebook, wall clock; `start` is Spark's own start. */
  readonly seconds: ReadonlyMap<string, number>;
  /** From the process's start to its exit. */
  readonly wallSeconds: number;
  /** Of Python and Java together. */
  readonly cpuSeconds: number;
  /** Of Java, the larger of the two. */
  readonly peakRssMiB: number;
}

interface Said {
  readonly notebook: string;
  readonly seconds: number;
  readonly cpu_seconds?: number;
  readonly peak_rss_mib?: number;
}

/** Runs the notebooks over a lake, in one Spark session. Parameters are the notebooks' own. Throws `internal`. */
export async function runReference(
  spark: SparkEnvironment,
  notebooks: readonly string[],
  parameters: Readonly<Record<string, string>> & { readonly LAKE: string },
  variables: Variables,
  signal: AbortSignal,
): Promise<ReferenceRun> {
  const environment = {
    ...variables,
    SPARK_JARS: spark.jars,
    SPARK_WAREHOUSE: path.join(parameters.LAKE, '_warehouse'),
    PYTHONDONTWRITEBYTECODE: '1',
    ...parameters,
  };
  const result = await run(spark.python, [RUNNER, ...notebooks], { environment }, signal);
  if (result.exitCode !== 0) {
    const said = result.stderr.trim().split('\n').slice(-40).join('\n');
    throw new SluiceError('internal', `the reference ended with exit code ${result.exitCode}: ${said}`);
  }
  const lines = result.stdout.trim().split('\n');
  const said = lines.map((line) => JSON.parse(line) as Said);
  const end = said.at(-1);
  return {
    seconds: new Map(said.slice(0, -1).map(({ notebook, seconds }) => [notebook, seconds])),
    wallSeconds: result.seconds,
    cpuSeconds: end?.cpu_seconds ?? Number.NaN,
    peakRssMiB: end?.peak_rss_mib ?? Number.NaN,
  };
}

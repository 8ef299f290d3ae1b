import type { Pipeline } from '../../schemas/contract.ts';
import { makeAgents, makeCustomers } from '../producer/producer.ts';
import type { DimensionLoad } from './load.ts';

const AGENTS = 1000;
const CUSTOMERS = 10_000;

/** The default agents (1..1000) and customers (1..10000), for those dimensions that the pipeline has. */
export function defaultDimensions(pipeline: Pipeline, seed: number): DimensionLoad[] {
  const rows: Readonly<Record<string, () => readonly object[]>> = {
    agents: () => makeAgents({ count: AGENTS, seed }),
    customers: () => makeCustomers({ count: CUSTOMERS, seed }),
  };
  return pipeline.dimensions.flatMap((contract) => {
    const make = rows[contract.name];
    return make === undefined ? [] : [{ contract, source: { rows: make() as Readonly<Record<string, unknown>>[] } }];
  });
}

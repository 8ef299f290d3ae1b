import { z } from 'zod';
import type { Column, DatasetContract, Pipeline } from '../../schemas/contract.ts';
import { optional, text } from '../../schemas/event-fields.ts';
import { callCentre } from '../../src/pipeline.ts';

/** The surveys with an optional field more: their table gains a column by a commit of metadata. */
function wider(dataset: DatasetContract): DatasetContract {
  const comment: Column = { name: 'comment', type: 'string' };
  const { shape } = dataset.event as unknown as { shape: z.ZodRawShape };
  return {
    ...dataset,
    event: z.object({ ...shape, comment: optional(text()) }) as DatasetContract['event'],
    fields: [...dataset.fields, comment],
    silver: { ...dataset.silver, columns: [...dataset.silver.columns, comment] },
  };
}

export const pipeline: Pipeline = {
  ...callCentre,
  datasets: callCentre.datasets.map((dataset) => (dataset.name === 'surveys' ? wider(dataset) : dataset)),
};

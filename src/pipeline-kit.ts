/**
 * What a pipeline of one's own is made of, as `sluice/pipeline-kit`: docs/your-own-pipeline.md goes through an example.
 * Kinds of event fields and of dimension columns, the columns that every dataset has, the types of a pipeline's parts,
 * and zod itself, so that contracts and engine have the same one.
 */
export { z } from 'zod';
export type {
  Column,
  ColumnType,
  DatasetContract,
  DimensionContract,
  GoldChart,
  GoldLook,
  GoldSource,
  GoldViewContract,
  Pipeline,
  TableContract,
} from '../schemas/contract.ts';
export { day, instant, whole, words } from '../schemas/dimension-fields.ts';
export { EVENT_COLUMNS, ORIGIN_COLUMNS, SPAN_COLUMNS } from '../schemas/event-columns.ts';
export {
  EVENT_HEAD,
  ID_MAX,
  INT_MAX,
  endsAfterStart,
  flag,
  id,
  inOrder,
  integer,
  optional,
  text,
  timestamp,
} from '../schemas/event-fields.ts';

import { words, z, type DimensionContract } from 'sluice/pipeline-kit';

/** Where each sensor hangs: a CSV with these columns, replaced whole at each load. */
export const sensors: DimensionContract = {
  name: 'sensors',
  row: z.object({ sensor_id: z.string().min(1), site: words(), room: words() }),
  key: 'sensor_id',
  table: {
    columns: [
      { name: 'sensor_id', type: 'string' },
      { name: 'site', type: 'string' },
      { name: 'room', type: 'string' },
    ],
    partitionColumns: [],
  },
};

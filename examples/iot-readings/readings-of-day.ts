export interface Reading {
  readonly event_id: string;
  readonly produced_at: string;
  readonly reading_id: string;
  readonly sensor_id: string;
  readonly measured_at: string;
  readonly temperature_milli: number;
  readonly humidity_percent?: number;
}

const DAY_MS = 86_400_000;
const EVERY_MS = 600_000;
const SENSORS = ['s01', 's02', 's03', 's04', 's05', 's06'];
/** Of the day's readings, one in so many is corrected. */
const CORRECTED_EVERY = 7;
const CORRECTED_AFTER_MS = 2 * DAY_MS;

/** A day of readings, UTC, always the same; the sensor s06 hangs nowhere, and some tell no humidity. */
export function readingsOfDay(day: string): Reading[] {
  const fromMs = Date.parse(day);
  return SENSORS.flatMap((sensor, nth) =>
    Array.from({ length: DAY_MS / EVERY_MS }, (_, slot) => {
      const measured = new Date(fromMs + slot * EVERY_MS).toISOString();
      const warmth = Math.sin((2 * Math.PI * slot * EVERY_MS) / DAY_MS) * 6000;
      return {
        event_id: `${sensor}/${measured}/1`,
        produced_at: measured,
        reading_id: `${sensor}/${measured}`,
        sensor_id: sensor,
        measured_at: measured,
        temperature_milli: 15_000 + 1000 * nth + Math.round(warmth),
        ...(slot % 3 === 0 ? {} : { humidity_percent: 40 + ((slot + nth) % 50) }),
      };
    }),
  );
}

/** What was calibrated two days later: half a degree less than was told. */
export function correctionsOfDay(day: string): Reading[] {
  return readingsOfDay(day)
    .filter((_, index) => index % CORRECTED_EVERY === 0)
    .map((reading) => ({
      ...reading,
      event_id: reading.event_id.replace(/1$/, '2'),
      produced_at: new Date(Date.parse(reading.produced_at) + CORRECTED_AFTER_MS).toISOString(),
      temperature_milli: reading.temperature_milli - 500,
    }));
}

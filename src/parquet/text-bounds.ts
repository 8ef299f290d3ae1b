import { open } from 'node:fs/promises';
import { asCorrupt, readFooter } from './footer.ts';
import type { TextBounds } from './parquet.ts';

/** One character a byte: texts are then in the order of their bytes. */
const BY_BYTES = { stringFromBytes: (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1') };

/** See the door. */
export async function readTextBounds(file: string): Promise<Map<string, TextBounds>> {
  const handle = await open(file);
  try {
    return await asCorrupt(file, async () => {
      const bounds = new Map<string, Bounds>();
      for (const { columns } of (await readFooter(handle, BY_BYTES)).row_groups) {
        for (const { meta_data: chunk } of columns) {
          if (chunk?.type !== 'BYTE_ARRAY') continue;
          const name = chunk.path_in_schema.join('.');
          const found = bounds.get(name) ?? new Bounds();
          bounds.set(name, found);
          const { min_value: least, max_value: greatest, null_count: nulls } = chunk.statistics ?? {};
          if (typeof least === 'string' && typeof greatest === 'string') found.add(least, greatest);
          else if (nulls !== chunk.num_values) found.isKnown = false;
        }
      }
      return new Map([...bounds].map(([name, found]) => [name, found.asTexts()]));
    });
  } finally {
    await handle.close();
  }
}

/** Over the row groups of a file, by bytes. */
class Bounds {
  /** Whether each row group that has a value tells its bounds. */
  isKnown = true;
  #least: string | undefined;
  #greatest: string | undefined;

  add(least: string, greatest: string): void {
    if (this.#least === undefined || least < this.#least) this.#least = least;
    if (this.#greatest === undefined || greatest > this.#greatest) this.#greatest = greatest;
  }

  asTexts(): TextBounds {
    if (!this.isKnown || this.#least === undefined || this.#greatest === undefined) return NO_BOUNDS;
    return { least: textOf(this.#least), greatest: textOf(this.#greatest) };
  }
}

const NO_BOUNDS: TextBounds = { least: undefined, greatest: undefined };

function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

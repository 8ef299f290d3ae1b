import { createRequire } from 'node:module';
import { MiB } from '../base/limits.ts';

/** What we use of the library, which has no types of its own. */
interface Bar {
  start(total: number, value: number, payload?: { readonly bytes: string }): void;
  increment(count: number, payload?: { readonly bytes: string }): void;
  stop(): void;
}

export interface Progress {
  /** `bytes`, where they are counted: of these events alone. */
  add(count: number, bytes?: number): void;
  end(): void;
}

/** A line that counts up, on a terminal only: elsewhere the log tells what happens. */
export function progressBar(doing: string): Progress {
  if (!process.stderr.isTTY) return { add: () => {}, end: () => {} };
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as {
    SingleBar: new (options: object) => Bar;
  };
  const bar = new SingleBar({
    format: `${doing}: {value} events{bytes}, {duration_formatted}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  });
  bar.start(0, 0, { bytes: '' });
  let total = 0;
  return {
    add(count, bytes = 0) {
      total += bytes;
      bar.increment(count, { bytes: total === 0 ? '' : `, ${(total / MiB).toFixed(1)} MiB` });
    },
    end: () => bar.stop(),
  };
}

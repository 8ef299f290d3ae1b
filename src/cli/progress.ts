import { createRequire } from 'node:module';

/** What we use of the library, which has no types of its own. */
interface Bar {
  start(total: number, value: number): void;
  increment(count: number): void;
  stop(): void;
}

export interface Progress {
  add(count: number): void;
  end(): void;
}

/** A line that counts up, on a terminal only: elsewhere the log tells what happens. */
export function progressBar(doing: string): Progress {
  if (!process.stderr.isTTY) return { add: () => {}, end: () => {} };
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as {
    SingleBar: new (options: object) => Bar;
  };
  const bar = new SingleBar({
    format: `${doing}: {value} events, {duration_formatted}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  });
  bar.start(0, 0);
  return { add: (count) => bar.increment(count), end: () => bar.stop() };
}

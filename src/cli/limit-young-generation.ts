import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';

/**
 * Keeps V8's young generation near this size: left alone it doubles up to 128 MiB while events stream through, though
 * next to nothing of them stays alive. The factor of growth is the one setting of it that V8 reads anew all the time.
 */
export function limitYoungGeneration(bytesMax: number): void {
  const observer = new PerformanceObserver(() => {
    const space = v8.getHeapSpaceStatistics().find((each) => each.space_name === 'new_space');
    if ((space?.space_size ?? 0) < bytesMax) return;
    v8.setFlagsFromString('--semi-space-growth-factor=1');
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

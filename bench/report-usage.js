// Loaded before the measured program: writes what the process used, at its very end. A worker or child has its own.
import { writeFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// As the launcher does; here for whatever is measured, peers included.
enableCompileCache();

const file = process.env.SLUICE_BENCH_USAGE;
delete process.env.SLUICE_BENCH_USAGE;
if (file && isMainThread) {
  process.on('exit', () => {
    const usage = process.resourceUsage();
    const cpuSeconds = (usage.userCPUTime + usage.systemCPUTime) / 1e6;
    writeFileSync(file, JSON.stringify({ cpuSeconds, peakRssMiB: usage.maxRSS / 1024 }));
  });
}

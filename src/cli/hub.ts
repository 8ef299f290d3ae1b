import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SluiceError } from '../base/errors.ts';
import type { HubDefinition } from '../hub/hub.ts';
import { readConfiguration, type Configuration } from './configuration.ts';
import { hubNameOf } from './hub-sources.ts';
import { loadPipeline } from './lake.ts';
import type { Terminal } from './terminal.ts';

export interface HubOptions {
  readonly port: number | 'off';
  readonly tlsPort: number | 'off';
  readonly healthPort: number | 'off';
  readonly data: string;
  readonly config?: string;
  readonly partitions: number;
}

/** `sluice hub`: the local Event Hubs until a signal; its first line on stdout is the connection string. */
export async function hub(options: HubOptions, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  if (options.port === 'off' && options.tlsPort === 'off') {
    throw new SluiceError('usage', '--port and --tls-port are both off: nobody could connect; give one of them a port');
  }
  const { readHubConfig, startHub } = await import('../hub/hub.ts');
  const hubs =
    options.config === undefined
      ? await pipelineHubs(configuration, options.partitions)
      : readHubConfig(configText(options.config));
  const running = await startHub({
    amqpPort: options.port,
    tlsPort: options.tlsPort,
    healthPort: options.healthPort,
    dataFolder: path.resolve(terminal.workingFolder, options.data),
    hubs,
    log,
  });
  terminal.print(`${running.connectionString}\n`);
  const { tlsPort, healthPort, certificateFile } = running;
  log.info('the local Event Hubs accepts connections', {
    hubs: hubs.map(({ name }) => name).join(','),
    port: running.amqpPort,
    tlsPort,
    healthPort,
    certificateFile,
  });
  const stop = terminal.stop.soft;
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  await running.stop();
  return 0;
}

async function pipelineHubs(configuration: Configuration, partitionCount: number): Promise<HubDefinition[]> {
  const pipeline = await loadPipeline(configuration);
  const hubName = hubNameOf(configuration, pipeline);
  return pipeline.datasets.map(({ name }) => ({ name: hubName(name), partitionCount, consumerGroups: [] }));
}

function configText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SluiceError('usage', `--config: ${file} cannot be read (${(cause as Error).message})`, { cause });
  }
}

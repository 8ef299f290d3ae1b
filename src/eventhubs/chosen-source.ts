import { DirectEventSource } from './direct/direct-source.ts';
import type { EventBatch, EventSource, HubProperties, PartitionProperties, ReceiveRequest } from './eventhubs.ts';
import { SdkEventSource } from './sdk-source.ts';
import type { SourceOptions } from './sdk-source.ts';

/**
 * The direct receiver where rhea has the private parts that it needs, else the genuine client, with a warning that
 * names what changed. Which of them is settled at the first call.
 */
export class ChosenEventSource implements EventSource {
  readonly namespace: string;
  readonly hub: string;
  private readonly options: SourceOptions;
  private readonly direct: Pick<DirectEventSource, keyof DirectEventSource>;
  private chosen: Promise<EventSource> | undefined;

  constructor(options: SourceOptions, direct = new DirectEventSource(options)) {
    this.options = options;
    this.direct = direct;
    this.namespace = options.connection.host;
    this.hub = options.hub;
  }

  async hubProperties(signal: AbortSignal): Promise<HubProperties> {
    return (await this.choose()).hubProperties(signal);
  }

  async partitionProperties(partitionId: string, signal: AbortSignal): Promise<PartitionProperties> {
    return (await this.choose()).partitionProperties(partitionId, signal);
  }

  async *receive(request: ReceiveRequest, signal: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
    yield* (await this.choose()).receive(request, signal);
  }

  async close(): Promise<void> {
    const chosen = await this.chosen?.catch(() => undefined);
    await chosen?.close();
  }

  private choose(): Promise<EventSource> {
    this.chosen ??= this.look();
    return this.chosen;
  }

  private async look(): Promise<EventSource> {
    const changed = await this.direct.changedParts();
    if (changed.length === 0) return this.direct;
    this.options.log.warn('rhea is not the version that the direct receiver knows: the genuine client reads instead', {
      hub: this.hub,
      changed: changed.join(', '),
    });
    await this.direct.close();
    return new SdkEventSource(this.options);
  }
}

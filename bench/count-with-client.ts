import { earliestEventPosition, EventHubConsumerClient } from '@azure/event-hubs';

// The measure that others are held against: the genuine client, which only counts events and bytes of their bodies.
// node bench/count-with-client.ts CONNECTION_STRING HUB EVENTS
const [connection = '', hub = '', expected = '0'] = process.argv.slice(2);
const client = new EventHubConsumerClient('$Default', connection, hub);
let events = 0;
let bytes = 0;
const done = Promise.withResolvers<void>();
const subscription = client.subscribe(
  {
    processEvents: async (received) => {
      for (const event of received) bytes += (event.body as Buffer).length;
      events += received.length;
      if (events >= Number(expected)) done.resolve();
    },
    processError: async (error) => done.reject(error),
  },
  {
    startPosition: earliestEventPosition,
    maxBatchSize: 1000,
    prefetchCount: 3000,
    maxWaitTimeInSeconds: 1,
    skipParsingBodyAsJson: true,
  },
);
await done.promise;
await subscription.close();
await client.close();
process.stdout.write(`${JSON.stringify({ events, bytes })}\n`);

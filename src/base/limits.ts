const KiB = 1024;
const MiB = 1024 * KiB;

/** Every loop, queue, retry, buffer and wait of the engine ends at one of these. Units last in the name. */
export const LIMITS = {
  /** Tries of one call to a service before its error is passed on. */
  retryAttemptsMax: 5,
  retryFirstDelayMs: 200,
  retryDelayMsMax: 10_000,
  /** Tries to append to a Delta log that other writers keep winning. */
  commitAttemptsMax: 50,
  /** The service's own limit for one event or batch. */
  eventBytesMax: 1 * MiB,
  /** Credit given and nothing received for this long: the service is stuck. */
  receiveStallMsMax: 60_000,
  /** One try of a management call or of opening a link. */
  eventHubsAttemptMsMax: 8_000,
  /** A receiver that the service put off because it is busy waits so long at least, as the service asks. */
  eventHubsBusyMs: 4_000,
  /** A question to Event Hubs with all its tries: by then the run has named the endpoint that is down. */
  eventHubsAnswerMsMax: 15_000,
  /** One message of a WebSocket: the service puts a frame or a few in each. */
  webSocketMessageBytesMax: 16 * MiB,
} as const;

export { KiB, MiB };

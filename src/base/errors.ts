/** What an error code means to the person who reads it, and to the shell that gets its exit code. */
interface ErrorMeaning {
  readonly exitCode: 0 | 2 | 3 | 4 | 5 | 70;
  readonly retryable: boolean;
  /** One sentence for the documentation: when it occurs and what to do. */
  readonly meaning: string;
}

const means = (exitCode: ErrorMeaning['exitCode'], retryable: boolean, meaning: string): ErrorMeaning => ({
  exitCode,
  retryable,
  meaning,
});

/** The closed list of error codes; docs/errors.md says the same, held by a test. */
export const ERROR_CODES = {
  usage: means(2, false, 'A command, flag or value that does not exist; the message names the nearest right one.'),
  configuration: means(2, false, 'A setting is missing or wrong; the message names the setting.'),
  sql_invalid: means(2, false, 'DuckDB could not read the statement given to `sql`.'),
  hub_not_found: means(2, false, 'The namespace has no hub of this name; check `SLUICE_HUBS`.'),
  consumer_group_not_found: means(2, false, 'The hub has no such consumer group; create it or set another.'),
  time_zone_mismatch: means(2, false, 'The tables were built for another business time zone; run `rebuild`.'),
  contract_changed: means(
    2,
    false,
    'The contract differs from that of the tables by more than new optional fields; run `rebuild`.',
  ),
  adopt_refused: means(
    2,
    false,
    'The checkpoint is no stream of these hubs, or the lake has read them; nothing changed.',
  ),
  port_in_use: means(2, false, 'Another process listens on the port; give another one or 0.'),
  events_lost: means(3, false, 'Events expired before they were read and the policy is `fail`.'),
  hub_recreated: means(3, false, 'The hub was deleted and created again: give it a new lake.'),
  eventhubs_unavailable: means(
    4,
    true,
    'Event Hubs did not answer, was busy or had too many readers; what was committed stands.',
  ),
  eventhubs_unauthorized: means(4, false, 'Event Hubs refused the key, token or permission.'),
  eventhubs_protocol: means(4, true, 'Event Hubs, or what answers in its place, sent what is no AMQP 1.0.'),
  receiver_stalled: means(4, true, 'Events are waiting, credit was given, and none came within the limit.'),
  link_stolen: means(0, false, 'A reader with a higher epoch took the partition; what was read is committed.'),
  event_too_large: means(5, false, 'An event is larger than the hub accepts.'),
  storage_unavailable: means(4, true, 'The lake did not answer or was busy; what was committed stands.'),
  storage_unauthorized: means(4, false, 'The lake refused the identity, key or file permission.'),
  conservation_broken: means(5, false, 'Rows in do not equal rows out; nothing was committed.'),
  audit_failed: means(5, false, 'An audit found rows that must not exist; nothing was committed.'),
  dimension_invalid: means(5, false, 'A dimension file has a repeated key or lacks a column; nothing changed.'),
  table_unsupported: means(5, false, 'Another writer upgraded the table to features Sluice does not write.'),
  table_corrupt: means(5, false, 'The log or a file of the table is missing or cannot be read.'),
  table_conflict: means(5, false, 'Another writer changed the table under us in a way we cannot build on.'),
  internal: means(70, false, 'A defect of Sluice: please report it with the message.'),
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts for programs: names and numbers that the message was made from. No secrets. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The one error class. The message says what failed on which hub, partition, table or file, what was expected
 * and found, and what to do.
 */
export class SluiceError extends Error {
  override readonly name = 'SluiceError';
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, options: { context?: ErrorContext; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.context = options.context ?? {};
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode;
  }
}

/** The error as one of ours: what is unknown is a defect, and not retryable. An abort stays what it is. */
export function toSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SluiceError('internal', message, { cause: error });
}

/** True for what an aborted signal throws: it is a stop that was asked for, and no failure. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

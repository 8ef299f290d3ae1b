import { styleText } from 'node:util';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const STYLE = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const;

/** Progress and warnings for people and log collectors. Results never pass here: they go to stdout. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface LogOptions {
  readonly level: LogLevel;
  /** Text for a terminal, one JSON object a line elsewhere. */
  readonly format: 'text' | 'json';
  readonly write: (line: string) => void;
  readonly now: () => number;
}

export function createLog(options: LogOptions): Log {
  const emit = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (ORDER.indexOf(level) < ORDER.indexOf(options.level)) return;
    options.write(
      options.format === 'json' ? jsonLine(level, message, fields, options.now()) : textLine(level, message, fields),
    );
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
  };
}

/** For tests, and for rooms that are used without anybody listening. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function jsonLine(level: LogLevel, message: string, fields: LogFields, nowMs: number): string {
  return `${JSON.stringify({ time: new Date(nowMs).toISOString(), level, message, ...fields })}\n`;
}

function textLine(level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined);
  const tail = pairs.map(([name, value]) => `${name}=${String(value)}`).join(' ');
  return `${styleText(STYLE[level], level.padEnd(5))} ${message}${tail === '' ? '' : ` ${styleText('gray', tail)}`}\n`;
}

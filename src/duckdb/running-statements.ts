import type { DuckDBConnection } from '@duckdb/node-api';

/** Statements under way, by connection. An exit of the process waits for each of them. */
const running = new Map<DuckDBConnection, number>();

export async function whileRunning<T>(connection: DuckDBConnection, action: () => Promise<T>): Promise<T> {
  running.set(connection, (running.get(connection) ?? 0) + 1);
  try {
    return await action();
  } finally {
    const left = (running.get(connection) ?? 1) - 1;
    if (left > 0) running.set(connection, left);
    else running.delete(connection);
  }
}

/** See the door. */
export function interruptRunning(): number {
  for (const connection of running.keys()) connection.interrupt();
  return running.size;
}

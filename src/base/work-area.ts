import { quoted } from './identifiers.ts';

interface Connection {
  run(sql: string): Promise<void>;
  interrupt(): void;
  close(): void;
}

/**
 * Runs the action on a connection of its own whose unqualified names stand in an empty schema of this name. The schema
 * goes with all that is in it when the action ends. One action a name at a time. An abort stops the statement that
 * runs, since a process that exits during one hangs.
 */
export async function inWorkArea<C extends Connection, T>(
  database: { connect(): Promise<C> },
  name: string,
  action: (connection: C) => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  signal.throwIfAborted();
  const connection = await database.connect();
  const drop = `DROP SCHEMA IF EXISTS ${quoted(name)} CASCADE`;
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    await connection.run(`${drop}; CREATE SCHEMA ${quoted(name)}; SET search_path = '${name}'`);
    return await action(connection);
  } catch (error) {
    // An interrupted statement fails as any other would: what was asked for was the stop.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    await connection.run(`SET search_path = 'main'; ${drop}`).catch(() => {});
    connection.close();
  }
}

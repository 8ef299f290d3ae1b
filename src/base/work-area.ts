import { quoted } from './identifiers.ts';

interface Connection {
  run(sql: string): Promise<void>;
  close(): void;
}

/**
 * Runs the action on a connection of its own whose unqualified names stand in an empty schema of this name. The schema
 * goes with all that is in it when the action ends. One action a name at a time.
 */
export async function inWorkArea<C extends Connection, T>(
  database: { connect(): Promise<C> },
  name: string,
  action: (connection: C) => Promise<T>,
): Promise<T> {
  const connection = await database.connect();
  const drop = `DROP SCHEMA IF EXISTS ${quoted(name)} CASCADE`;
  try {
    await connection.run(`${drop}; CREATE SCHEMA ${quoted(name)}; SET search_path = '${name}'`);
    return await action(connection);
  } finally {
    await connection.run(`SET search_path = 'main'; ${drop}`).catch(() => {});
    connection.close();
  }
}

import Table from 'cli-table3';
import { MiB } from '../base/limits.ts';
import type { Setting } from '../base/options.ts';
import { readConfiguration, unknownSettings, type Configuration } from './configuration.ts';
import { SETTINGS } from './settings.ts';
import type { Terminal } from './terminal.ts';

const SECRET_PART = /((?:SharedAccessKey|SharedAccessSignature|AccountKey)\s*=\s*)[^;]+/gi;

/** `sluice config`: every setting as it is in effect. A wrong one is an error like in every other command. */
export async function config(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const configuration = readConfiguration(terminal.environment);
  const log = terminal.logOf(configuration);
  for (const message of unknownSettings(terminal.environment)) log.warn(message);
  const settings = SETTINGS.map((setting) => {
    const given = terminal.environment[setting.name];
    const value = shown(setting, given ?? setting.default ?? effective(setting.name, configuration));
    return { name: setting.name, value, from: given === undefined ? 'default' : 'environment', kind: setting.kind };
  });
  if (options.json === true) terminal.print(`${JSON.stringify(settings, null, 2)}\n`);
  else {
    const table = new Table({
      head: ['setting', 'value', 'from', 'kind'],
      style: { head: [], border: [], compact: true },
    });
    table.push(
      ...settings.map(({ name, value, from, kind }) => [name, value ?? 'not set', value === null ? '' : from, kind]),
    );
    terminal.print(`${table.toString()}\n`);
  }
  return 0;
}

/** A connection string keeps its endpoint; a secret of another form shows nothing of itself. */
function shown(setting: Setting, value: string | undefined): string | null {
  if (value === undefined) return null;
  if (setting.secret !== true) return value;
  const masked = value.replaceAll(SECRET_PART, '$1***');
  const isHost = /^[a-z0-9.-]+$/i.test(value) && value.length < 100;
  return masked !== value || isHost ? masked : '***';
}

/** What stands in for a setting that has no fixed default. */
function effective(name: string, configuration: Configuration): string | undefined {
  const { scratch } = configuration;
  const values: Readonly<Record<string, string>> = {
    SLUICE_MEMORY: mebibytes(configuration.memoryBytesMax),
    SLUICE_THREADS: String(configuration.threads),
    SLUICE_SCRATCH: `${scratch.folder}:${mebibytes(scratch.bytesMax)}`,
  };
  return values[name];
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / MiB)}MiB`;

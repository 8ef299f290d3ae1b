import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { makeProgram, runCommandLine } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';

function terminal(): Terminal & { printed: () => string } {
  let text = '';
  const never = new AbortController().signal;
  return {
    environment: {},
    workingFolder: '/nowhere',
    print: (part) => void (text += part),
    stop: { soft: never, hard: never },
    logOf: () => silentLog,
    printed: () => text,
  };
}

const noRun = async (): Promise<void> => {};

test('the whole help', async () => {
  const program = makeProgram(terminal(), noRun);
  program.configureHelp({ helpWidth: 120 });
  const pages = [program.helpInformation()];
  for (const command of program.commands) {
    const { print, printed, ...rest } = terminal();
    await runCommandLine([command.name(), '--help'], { ...rest, print });
    expect(printed()).toMatch(/Example:\n {2}\$ sluice /);
    pages.push(printed());
  }
  await expect(pages.join('\n---\n\n')).toMatchFileSnapshot('help.txt');
});

test('without a command it prints the help, and --version the version of the package', async () => {
  const bare = terminal();
  expect(await runCommandLine([], bare)).toBe(0);
  expect(bare.printed()).toContain('ingest-once');
  const versioned = terminal();
  expect(await runCommandLine(['--version'], versioned)).toBe(0);
  expect(versioned.printed()).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('help COMMAND is COMMAND --help, help alone that of all', async () => {
  const [asked, flagged, bare] = [terminal(), terminal(), terminal()];
  await runCommandLine(['help', 'plan'], asked);
  await runCommandLine(['plan', '--help'], flagged);
  expect(asked.printed()).toBe(flagged.printed());
  await runCommandLine(['help'], bare);
  expect(bare.printed()).toMatch(/ingest-once[\s\S]*Example:\n {2}\$ sluice start/);
});

describe('a usage error names the nearest right one, and prints nothing on stdout', () => {
  const cases: [string[], RegExp][] = [
    [['ingest-onc'], /unknown command 'ingest-onc'; did you mean ingest-once\?/],
    [['plann', '--json'], /unknown command 'plann'; did you mean plan\?/],
    [['ingest-once', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['ingest-once', '--to', 'glod'], /--to.*'glod' is invalid\. Allowed choices are .*, gold; did you mean gold\?$/],
    [['ingest-once', '--to', 'zzzzzzzz'], /Allowed choices are bronze, silver, gold; see sluice ingest-once --help$/],
    [['ingest-once', '--time-budget', '25'], /--time-budget.*'25' is invalid\. Give a duration/],
    [['produce', '--ticks', '0'], /--ticks.*whole number from 1/],
    [['produce', '--from', '2026-01-05T09:00:00'], /--from.*with offset/],
    [['produce', '--dimensions', '--ticks', '2'], /--dimensions.*cannot be used with.*--ticks/],
    [['hub', '--port', '70000'], /--port.*0 to 65535/],
    [['sql'], /missing required argument 'statement'; see sluice sql --help/],
    [['load', 'agents', 'a.csv', 'b.csv'], /too many arguments/],
    [['sql', 'select 1', '--format', 'xml'], /--format.*table, csv, json/],
  ];
  test.each(cases)('%j', async (args, message) => {
    const used = terminal();
    const failure = await runCommandLine(args, used).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SluiceError);
    expect(failure).toMatchObject({ code: 'usage', exitCode: 2 });
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain('\n');
    expect(used.printed()).toBe('');
  });
});

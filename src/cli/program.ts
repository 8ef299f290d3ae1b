import { Command, CommanderError, Option } from 'commander';
import { SluiceError } from '../base/errors.ts';
import {
  command,
  count,
  duration,
  instant,
  jsonOption,
  number,
  partitions,
  port,
  type RunCommand,
} from './command-options.ts';
import { addMaintenance } from './maintenance-commands.ts';
import { nearest, suggestion } from './nearest.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Runs the command that the arguments name and gives its exit code. Throws `usage`, and what the command throws. */
export async function runCommandLine(given: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const args = given[0] === 'help' ? [...given.slice(1), '--help'] : given;
  const program = makeProgram(terminal, async (code) => void (exitCode = await code));
  refuseUnknownCommand(program, args);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw new SluiceError('usage', usageMessage(error, args));
  }
  return exitCode;
}

/** Before its options are looked at: those of a command that does not exist are not what is wrong. */
function refuseUnknownCommand(program: Command, args: readonly string[]): void {
  const name = args.find((arg) => !arg.startsWith('-'));
  const names = program.commands.map((known) => known.name());
  if (name === undefined || names.includes(name)) return;
  throw new SluiceError('usage', `unknown command '${name}'; ${suggestion(name, names)}`);
}

const HELP_AFTER = `
Example:
  $ sluice start

Each command has --help with an example of its own. Settings are environment variables: sluice config.`;

/** Every command with its options. What a command does is loaded when it is run. */
export function makeProgram(terminal: Terminal, run: RunCommand): Command {
  const program: Command = new Command('sluice');
  program
    .description('Trigger-once streaming from Azure Event Hubs to Delta tables in one small Node process.')
    .version(version())
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: terminal.print, writeErr: () => {} })
    .addHelpText('after', HELP_AFTER)
    .action(() => program.outputHelp());
  addStart(program, terminal, run);
  addIngestOnce(program, terminal, run);
  addProduce(program, terminal, run);
  addLoad(program, terminal, run);
  addHub(program, terminal, run);
  addSql(program, terminal, run);
  addPlan(program, terminal, run);
  addAdopt(program, terminal, run);
  addRuns(program, terminal, run);
  addMaintenance(program, terminal, run);
  addDoctor(program, terminal, run);
  addCompare(program, terminal, run);
  addConfig(program, terminal, run);
  return program;
}

function addStart(program: Command, terminal: Terminal, run: RunCommand): void {
  command(
    program,
    'start',
    'The main job on a local Event Hubs: one synthetic day more, then ingest-once',
    'sluice start',
  )
    .addOption(jsonOption())
    .action((options) => run(import('./start.ts').then(({ start }) => start(options, terminal))));
}

function addIngestOnce(program: Command, terminal: Terminal, run: RunCommand): void {
  const example = 'sluice ingest-once --hub ivr_calls --time-budget 25m';
  command(program, 'ingest-once', 'One run: up to the ends frozen at its start, then exits', example)
    .addOption(
      new Option('--to <layer>', 'the last layer to build').choices(['bronze', 'silver', 'gold']).default('gold'),
    )
    .option('--hub <names...>', 'only these hubs (dataset or hub name)')
    .addOption(
      new Option('--time-budget <duration>', 'stop softly after this long, 25m for instance').argParser(duration),
    )
    .addOption(jsonOption())
    .action((options) => run(import('./ingest-once.ts').then(({ ingestOnce }) => ingestOnce(options, terminal))));
}

function addProduce(program: Command, terminal: Terminal, run: RunCommand): void {
  command(program, 'produce', 'Sends synthetic events to the hubs', 'sluice produce --rate 500 --for 30s --seed 7')
    .addOption(
      new Option('--ticks <n>', 'two-minute ticks to send (default: 1, with --rate or --for no end)').argParser(count),
    )
    .addOption(new Option('--rate <events/s>', 'events a second (default: as fast as they are taken)').argParser(count))
    .addOption(new Option('--for <duration>', 'stop after this long, 30s for instance').argParser(duration))
    .addOption(new Option('--seed <n>', 'the same seed gives the same events').argParser(number).default(1))
    .addOption(
      new Option('--from <time>', 'start of the first tick, ISO 8601 with offset (default: now)').argParser(instant),
    )
    .addOption(
      new Option('--dimensions', 'send nothing: make the default agents and customers and load them').conflicts([
        'ticks',
        'rate',
        'for',
        'from',
      ]),
    )
    .action((options) => run(import('./produce.ts').then(({ produceEvents }) => produceEvents(options, terminal))));
}

function addLoad(program: Command, terminal: Terminal, run: RunCommand): void {
  command(program, 'load', 'Replaces a dimension by a CSV, JSON or Parquet file', 'sluice load agents agents.csv')
    .argument('<dimension>', 'a dimension of the pipeline: agents, customers')
    .argument('<file>', 'its rows, with the columns of the dimension')
    .action((dimension: string, file: string) =>
      run(import('./load.ts').then(({ load }) => load(dimension, file, terminal))),
    );
}

function addHub(program: Command, terminal: Terminal, run: RunCommand): void {
  command(
    program,
    'hub',
    'The local Event Hubs, in the foreground, until SIGTERM',
    'sluice hub --port 0 --data /tmp/hub',
  )
    .addOption(new Option('--port <port>', 'AMQP; 0: any free one, off: none').argParser(port).default(5672))
    .addOption(new Option('--tls-port <port>', 'AMQP over TLS').argParser(port).default(5671))
    .addOption(new Option('--health-port <port>', 'HTTP, /health').argParser(port).default(5300))
    .option('--data <dir>', 'where the events are kept', '.sluice/hub')
    .option('--config <file>', "hubs as in Config.json of Microsoft's emulator (default: the pipeline's hubs)")
    .addOption(new Option('--partitions <n>', "of each of the pipeline's hubs").argParser(partitions).default(4))
    .action((options) => run(import('./hub.ts').then(({ hub }) => hub(options, terminal))));
}

function addSql(program: Command, terminal: Terminal, run: RunCommand): void {
  const example = 'sluice sql "select * from gold.agent_daily limit 5" --format csv';
  command(program, 'sql', 'DuckDB over the lake: bronze.…, silver.…, gold.…, sluice.gaps, sluice.runs', example)
    .argument('<statement>', 'one statement of DuckDB')
    .addOption(new Option('--format <format>', 'of the result').choices(['table', 'csv', 'json']).default('table'))
    .action((statement: string, options) =>
      run(import('./sql.ts').then(({ sql }) => sql(statement, options, terminal))),
    );
}

function addPlan(program: Command, terminal: Terminal, run: RunCommand): void {
  command(program, 'plan', 'What a run would do now; reads no event, writes nothing', 'sluice plan')
    .addOption(jsonOption())
    .action((options) => run(import('./plan.ts').then(({ plan }) => plan(options, terminal))));
}

function addAdopt(program: Command, terminal: Terminal, run: RunCommand): void {
  const example =
    'sluice adopt --spark-checkpoint abfss://lake@account.dfs.core.windows.net/checkpoints/surveys --dry-run';
  command(program, 'adopt', 'Begins where a Spark stream ended: takes its checkpoint over', example)
    .requiredOption('--spark-checkpoint <dir>', 'its checkpointLocation: a folder or the URL of a container and path')
    .option('--dry-run', 'only say where each partition would begin')
    .addOption(jsonOption())
    .action((options) => run(import('./adopt.ts').then(({ adopt }) => adopt(options, terminal))));
}

function addRuns(program: Command, terminal: Terminal, run: RunCommand): void {
  command(program, 'runs', 'The history of the runs, newest first', 'sluice runs --last 5')
    .addOption(new Option('--last <n>', 'so many runs').argParser(count).default(20))
    .addOption(jsonOption())
    .action((options) => run(import('./runs.ts').then(({ runs }) => runs(options, terminal))));
}

function addDoctor(program: Command, terminal: Terminal, run: RunCommand): void {
  command(
    program,
    'doctor',
    'Checks settings, permissions and endpoints by using them; leaves nothing behind',
    'sluice doctor',
  )
    .addOption(jsonOption())
    .action((options) => run(import('./doctor.ts').then(({ doctor }) => doctor(options, terminal))));
}

function addCompare(program: Command, terminal: Terminal, run: RunCommand): void {
  const example = 'sluice compare --events 20000 --seed 7';
  command(program, 'compare', 'The Databricks reference on real PySpark against the tables of the engine', example)
    .addOption(new Option('--events <n>', 'of a hostile stream').argParser(count).default(20_000))
    .addOption(new Option('--seed <n>', 'the same seed gives the same events').argParser(number).default(1))
    .addOption(
      new Option('--source <source>', 'where the reference begins')
        .choices(['files', 'eventhubs', 'bronze'])
        .default('files'),
    )
    .action((options) => run(import('./compare.ts').then(({ compare }) => compare(options, terminal))));
}

function addConfig(program: Command, terminal: Terminal, run: RunCommand): void {
  command(program, 'config', 'The effective settings, secrets masked', 'sluice config')
    .addOption(jsonOption())
    .action((options) => run(import('./config.ts').then(({ config }) => config(options, terminal))));
}

function nearestChoice(whole: string, given: string, choices: string): string {
  const near = nearest(given, choices.split(', '));
  return near === undefined ? whole : `${whole}; did you mean ${near}?`;
}

/** Commander's message in one line, with where to look where it has no near name. */
function usageMessage(error: CommanderError, args: readonly string[]): string {
  const whole = error.message
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  const text = whole.replace(/argument '(.*)' is invalid\. Allowed choices are (.*)$/, nearestChoice);
  const name = args.find((arg) => !arg.startsWith('-'));
  return /did you mean/i.test(text) ? text : `${text}; see sluice ${name === undefined ? '' : `${name} `}--help`;
}

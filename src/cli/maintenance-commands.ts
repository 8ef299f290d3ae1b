import { Argument, Option, type Command } from 'commander';
import { bytes, command, day, duration, jsonOption, number, type RunCommand } from './command-options.ts';
import type { Terminal } from './terminal.ts';
import { parseBytes, parseDurationMs } from './units.ts';

const MAX_INPUT = '512MB';
const RETAIN = '7d';

/** The commands that keep a lake in shape. What a command does is loaded when it is run. */
export function addMaintenance(program: Command, terminal: Terminal, run: RunCommand): void {
  addOptimize(program, terminal, run);
  addVacuum(program, terminal, run);
  addReplay(program, terminal, run);
  addRebuild(program, terminal, run);
}

function addOptimize(program: Command, terminal: Terminal, run: RunCommand): void {
  const example = 'sluice optimize silver.call_legs --max-input 2GB';
  command(program, 'optimize', 'Makes large files of small ones, changing no row; goes on where it stopped', example)
    .argument('[table]', 'silver.call_legs for instance (default: every table)')
    .addOption(
      new Option('--max-input <bytes>', 'read at most so much in one call')
        .argParser(bytes)
        .default(parseBytes(MAX_INPUT), MAX_INPUT),
    )
    .addOption(jsonOption())
    .action((table: string | undefined, options) =>
      run(import('./optimize.ts').then(({ optimize }) => optimize(table, options, terminal))),
    );
}

function addVacuum(program: Command, terminal: Terminal, run: RunCommand): void {
  const what = 'Lists files that no snapshot within the retention and no reader needs; deletes them with --apply';
  command(program, 'vacuum', what, 'sluice vacuum --retain 30d --apply')
    .argument('[table]', 'silver.call_legs for instance (default: every table, old leases and receipts)')
    .addOption(
      new Option('--retain <duration>', 'snapshots younger than this stay readable')
        .argParser(duration)
        .default(parseDurationMs(RETAIN), RETAIN),
    )
    .option('--apply', 'delete what is listed')
    .addOption(jsonOption())
    .action((table: string | undefined, options) =>
      run(import('./vacuum.ts').then(({ vacuum }) => vacuum(table, options, terminal))),
    );
}

function addReplay(program: Command, terminal: Terminal, run: RunCommand): void {
  const what = 'Judges rejected events again after a fix, or reads a range that a hub still retains again';
  command(program, 'replay', what, 'sluice replay --rejected --reason range:area')
    .option('--rejected', 'the rejected events')
    .option('--reason <reason>', 'only those rejected for this reason')
    .option('--hub <name>', 'dataset or hub name of the range')
    .addOption(new Option('--partition <id>', 'its partition').argParser(number))
    .addOption(new Option('--from <number>', 'its first sequence number').argParser(number))
    .addOption(new Option('--to <number>', 'its last sequence number').argParser(number))
    .addOption(jsonOption())
    .action((options) => run(import('./replay.ts').then(({ replay }) => replay(options, terminal))));
}

function addRebuild(program: Command, terminal: Terminal, run: RunCommand): void {
  const example = 'sluice rebuild gold --day 2026-01-05 --day 2026-01-06';
  command(program, 'rebuild', 'Builds silver anew from bronze, or gold from silver', example)
    .addArgument(new Argument('<layer>', 'which tables').choices(['silver', 'gold']))
    .addOption(new Option('--day <day...>', 'only these days of gold, 2026-01-05 for instance').argParser(day))
    .addOption(jsonOption())
    .action((layer: 'silver' | 'gold', options) =>
      run(import('./rebuild.ts').then(({ rebuild }) => rebuild(layer, options, terminal))),
    );
}

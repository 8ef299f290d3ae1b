import module from 'node:module';
import { main } from '../src/cli/main.ts';

// The command line from the sources, whether or not a bundle is there: what the launcher does in a clone without one.
module.enableCompileCache();
await main(process.argv.slice(2));

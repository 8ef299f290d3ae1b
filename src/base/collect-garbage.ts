import v8 from 'node:v8';
import vm from 'node:vm';

/**
 * Has V8 collect all garbage now. What a drain leaves are tens of megabytes of buffers outside V8's heap, and after it
 * so little is made that the collector would come late, if at all.
 */
export function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
}

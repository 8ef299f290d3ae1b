/**
 * Gives the memory of a buffer back at once; the buffer is empty from then on. It lies outside V8's heap, and the
 * collector comes late where little else is made, or again and again where much of it waits. What shares its memory
 * with others (`SharedArrayBuffer`) stays.
 */
export function releaseMemory(buffer: ArrayBufferLike | undefined): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}

// V8 compiles what reads typed arrays on the understanding that no buffer is ever taken from under them, and throws all
// of that code away when the first one is: better now, before there is any, than in the middle of a drain.
releaseMemory(new ArrayBuffer(1));

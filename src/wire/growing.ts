const LEAST = 1_024;

/**
 * A buffer with `chunk` behind the first `length` bytes of `buffer`: that one itself where it has room, else one of
 * twice its size, so that a frame which comes byte by byte is not copied at every read.
 */
export function appended(buffer: Uint8Array, length: number, chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const needed = length + chunk.length;
  let grown = buffer as Uint8Array<ArrayBuffer>;
  if (needed > buffer.length) {
    grown = new Uint8Array(Math.max(needed, buffer.length * 2, LEAST));
    grown.set(buffer.subarray(0, length));
  }
  grown.set(chunk, length);
  return grown;
}

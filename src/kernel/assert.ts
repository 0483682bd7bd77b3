/** A promise the code makes to itself. When it breaks, the call ends as `internal`; the process does not. */
export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new Error(`broken promise: ${promise}`);
}

/** For the default branch of a switch over a closed union: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new Error(`broken promise: ${JSON.stringify(value)} cannot occur here`);
}

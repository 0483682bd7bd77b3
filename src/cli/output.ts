import type { Writable } from "node:stream";

/** Text on its way to a terminal, a pipe or a file. */
export interface Output {
  /** @returns false where it was thrown away, because whoever reads has fallen too far behind or is gone. */
  write(text: string): boolean;
  /** When everything has been taken, or after `withinMs`. A process that exits before has not said its last words. */
  taken(withinMs: number): Promise<void>;
}

/** Characters that may wait for a reader. A reader who has stopped must not fill the memory. */
const MAX_WAITING = 8 * 1024 * 1024;

/**
 * Writing that cannot harm the process: a pipe whose reader is gone is an error of the
 * stream's (EPIPE), which would end the process if nobody listened; one whose reader has
 * stopped takes no more, and what is written waits in memory.
 */
export function outputTo(stream: Pick<Writable, "write" | "on">, maxWaiting = MAX_WAITING): Output {
  let waiting = 0;
  let whenTaken: (() => void)[] = [];
  stream.on("error", () => {});
  return {
    write(text) {
      if (waiting + text.length > maxWaiting) return false;
      waiting += text.length;
      stream.write(text, () => {
        waiting -= text.length;
        if (waiting > 0) return;
        for (const tell of whenTaken) tell();
        whenTaken = [];
      });
      return true;
    },
    async taken(withinMs) {
      if (waiting === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      whenTaken.push(resolve);
      const timer = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(timer);
    },
  };
}

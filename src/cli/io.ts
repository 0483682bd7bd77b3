import type { Probes } from "./probe.ts";

/** Everything that a command touches of the world, so that a test can stand in for it. */
export interface CliIo {
  env: Readonly<Record<string, string | undefined>>;
  stdout(text: string): void;
  stderr(text: string): void;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** @throws where the file cannot be read. */
  readFile(path: string): string;
  /** Runs the gateway until it is told to stop. @returns the exit code. */
  serve(options: { json: boolean }): Promise<number>;
  /** Loaded when a command asks for them. */
  probes(): Promise<Probes>;
  version: { sallyport: string; bun: string };
  /** Whether stdout is a terminal that may be coloured. */
  colour: boolean;
}

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** The command line itself is wrong. The message names the flag or the word. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command was understood and could not be done. The message says what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  /** For `--json`: the code of the gateway's error, or one of ours. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

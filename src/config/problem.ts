/** One thing that is wrong with the configuration, said so that its author can mend it. */
export interface Problem {
  /** A variable's name, or `file:line:column: field`. */
  where: string;
  message: string;
}

/** The configuration cannot be used. It carries every problem that was found, not only the first. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** `where: message`, one line. */
export function formatProblem(problem: Problem): string {
  return `${problem.where}: ${problem.message}`;
}

/** A value that a parser refuses. The message ends a sentence that begins with the field's name: "must be …". */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

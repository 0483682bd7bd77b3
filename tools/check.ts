/**
 * Everything that CI runs, in one command: `npm run check`. With `--all` the suites that
 * need real parts run too. Ends with a line `N passed, N failed`: the sum of the tests,
 * and one for each other step.
 */
export interface Step {
  name: string;
  command: readonly string[];
  /** Ends with its own `N passed, N failed`. */
  counts?: boolean;
  /** Only with `--all`. */
  all?: boolean;
}

export const STEPS: readonly Step[] = [
  { name: "types", command: ["npm", "run", "--silent", "check:types"] },
  { name: "lint and format", command: ["npm", "run", "--silent", "check:lint"] },
  { name: "import rules", command: ["npm", "run", "--silent", "check:imports"] },
  { name: "tidy", command: ["npm", "run", "--silent", "check:tidy"] },
  { name: "generated pages", command: ["npm", "run", "--silent", "check:docs"] },
  { name: "npm test", command: ["npm", "test", "--silent"], counts: true },
  // With npm test before it, this is npm run test:all, and no test runs twice.
  { name: "npm run test:real", command: ["npm", "run", "--silent", "test:real"], counts: true, all: true },
];

export interface Outcome {
  name: string;
  passed: number;
  failed: number;
  seconds: number;
}

/** Runs the steps one after the other, all of them, whatever fails. */
export async function runSteps(steps: readonly Step[], root: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    console.log(`\n== ${step.name}`);
    const begun = performance.now();
    const { output, exitCode } = await run(step.command, root);
    outcomes.push({ name: step.name, ...judge(step, output, exitCode), seconds: (performance.now() - begun) / 1000 });
  }
  return outcomes;
}

/** What a step's end says. A counting step that told no count has failed. */
export function judge(step: Step, output: string, exitCode: number): { passed: number; failed: number } {
  if (!step.counts) return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const told = /^(\d+) passed, (\d+) failed$/.exec(output.trimEnd().split("\n").at(-1) ?? "");
  if (told === null) return { passed: 0, failed: 1 };
  const [passed, failed] = [Number(told[1]), Number(told[2])];
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

export function report(outcomes: readonly Outcome[]): string {
  const lines = outcomes.map(
    ({ name, passed, failed, seconds }) =>
      `${failed === 0 ? "ok    " : "FAILED"} ${name.padEnd(20)} ${`${passed} passed, ${failed} failed`.padEnd(26)} ${seconds.toFixed(1)} s`,
  );
  const sum = (field: "passed" | "failed") => outcomes.reduce((total, outcome) => total + outcome[field], 0);
  return [...lines, `${sum("passed")} passed, ${sum("failed")} failed`].join("\n");
}

async function run(command: readonly string[], cwd: string): Promise<{ output: string; exitCode: number }> {
  const child = Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const decoder = new TextDecoder();
  let output = "";
  for await (const bytes of child.stdout) {
    process.stdout.write(bytes);
    output += decoder.decode(bytes, { stream: true });
  }
  return { output, exitCode: await child.exited };
}

if (import.meta.main) {
  const all = process.argv.includes("--all");
  const outcomes = await runSteps(
    STEPS.filter((step) => all || !step.all),
    `${import.meta.dir}/..`,
  );
  console.log(`\n${report(outcomes)}`);
  process.exit(outcomes.every(({ failed }) => failed === 0) ? 0 : 1);
}

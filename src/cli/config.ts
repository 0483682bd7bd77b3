import { readEnvironment } from "../config/environment.ts";
import { formatProblem } from "../config/problem.ts";
import type { Command } from "./command.ts";
import { EXIT_FAILURE, EXIT_OK, UsageError } from "./io.ts";
import { printable } from "./print.ts";

export const configValidate: Command = {
  name: "config validate",
  summary:
    "Checks a configuration file and prints everything that is wrong with it, and what was probably not meant. Without a file: the one that SALLYPORT_CONFIG names.",
  positionals: [{ name: "file", required: false }],
  flags: {
    "without-secrets": {
      value: null,
      help: "Do not follow references to secrets: for a machine that has none, such as a build's.",
    },
  },
  async run({ positionals, switches, json }, io) {
    const file = positionals[0] ?? readEnvironment(io.env, io.readFile, { serving: false }).configFile;
    if (file === undefined) throw new UsageError("<file> is required where SALLYPORT_CONFIG is not set");
    const { problems, warnings } = (await io.probes()).configuration(file, !switches.has("without-secrets"));
    const valid = problems.length === 0;
    if (json) {
      io.stdout(`${JSON.stringify({ file, valid, problems, warnings }, null, 2)}\n`);
    } else if (valid) {
      for (const warning of warnings) io.stderr(`warning: ${printable(formatProblem(warning))}\n`);
      io.stdout(`${file} is valid.\n`);
    } else {
      for (const problem of problems) io.stderr(`${printable(formatProblem(problem))}\n`);
      io.stderr(`${file} has ${problems.length} ${problems.length === 1 ? "problem" : "problems"}.\n`);
    }
    return valid ? EXIT_OK : EXIT_FAILURE;
  },
};

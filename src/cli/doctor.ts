import type { Command } from "./command.ts";
import { CHECKS } from "./doctor-checks.ts";
import { type Finding, type Patient, readPatient, withShared } from "./doctor-finding.ts";
import { EXIT_FAILURE, EXIT_OK } from "./io.ts";
import { printable } from "./print.ts";

export type { Finding } from "./doctor-finding.ts";
export type { Probes } from "./probe.ts";

/** Looks at this installation, with the gateway running or not, and says what is wrong and how to mend it. */
export const doctor: Command = {
  name: "doctor",
  summary: "Looks at this installation and says what is wrong with it, and how to mend it.",
  positionals: [],
  flags: { online: { value: null, help: "Also call every provider's address, without its key." } },
  async run({ switches, json }, io) {
    const probes = await io.probes();
    const findings = await diagnose(await withShared(readPatient(io.env, io.readFile, probes, switches.has("online"))));
    const healthy = findings.every(({ state }) => state !== "problem");
    io.stdout(json ? `${JSON.stringify({ healthy, findings }, null, 2)}\n` : report(findings, io.colour));
    return healthy ? EXIT_OK : EXIT_FAILURE;
  },
};

/** All checks, in order. One that cannot be made is a finding too, and stops no other. */
export async function diagnose(patient: Patient): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, look } of CHECKS) {
    try {
      for (const finding of await look(patient)) findings.push({ check: name, ...finding });
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      findings.push({
        check: name,
        state: "warning",
        what: `could not be checked: ${why}`,
        mend: "Run the doctor as the user that runs the gateway.",
      });
    }
  }
  return findings;
}

const MARKS = { ok: ["ok     ", "32"], warning: ["warning", "33"], problem: ["PROBLEM", "31"] } as const;

function report(findings: readonly Finding[], colour: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, state, what, mend }) => {
    const [mark, code] = MARKS[state];
    const shown = colour ? `\u001b[${code}m${mark}\u001b[0m` : mark;
    const line = `${shown}  ${check.padEnd(width)}  ${printable(what)}\n`;
    return mend === null ? line : `${line}${" ".repeat(width + 11)}→ ${printable(mend)}\n`;
  });
  const count = (state: Finding["state"]) => findings.filter((finding) => finding.state === state).length;
  const problems = count("problem");
  const verdict = problems === 0 ? "Nothing is wrong" : `${problems} ${problems === 1 ? "problem" : "problems"}`;
  const warnings = count("warning");
  return `${lines.join("")}\n${verdict}${warnings === 0 ? "" : `, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`}.\n`;
}

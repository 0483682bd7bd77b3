// Covers tools/check.ts.
import { describe, expect, test } from "bun:test";
import { judge, report, runSteps, STEPS, type Step } from "./check.ts";

const plain: Step = { name: "plain", command: [] };
const counting: Step = { name: "counting", command: [], counts: true };

const rows: [string, Step, string, number, { passed: number; failed: number }][] = [
  ["a step that ends well is one passed", plain, "", 0, { passed: 1, failed: 0 }],
  ["a step that ends badly is one failed", plain, "3 passed, 0 failed", 2, { passed: 0, failed: 1 }],
  ["tests are counted", counting, "x\n3 passed, 0 failed\n", 0, { passed: 3, failed: 0 }],
  ["failed tests are counted", counting, "3 passed, 2 failed\n", 1, { passed: 3, failed: 2 }],
  ["tests without a count have failed", counting, "killed\n", 0, { passed: 0, failed: 1 }],
  [
    "a count that is not at the end does not count",
    counting,
    "3 passed, 0 failed\nboom\n",
    0,
    { passed: 0, failed: 1 },
  ],
  ["a good count with a bad end has failed", counting, "3 passed, 0 failed\n", 9, { passed: 3, failed: 1 }],
];
test.each(rows)("%s", (_, step, output, exitCode, expected) => {
  expect(judge(step, output, exitCode)).toEqual(expected);
});

test("every step runs, whatever failed before it, and the sum stands alone in the last line", async () => {
  const steps: Step[] = [
    { name: "broken", command: [process.execPath, "-e", "process.exit(3)"] },
    { name: "counted", command: [process.execPath, "-e", 'console.log("5 passed, 0 failed")'], counts: true },
  ];
  const outcomes = await runSteps(steps, import.meta.dir);
  expect(outcomes).toMatchObject([
    { name: "broken", passed: 0, failed: 1 },
    { name: "counted", passed: 5, failed: 0 },
  ]);
  expect(report(outcomes).split("\n").at(-1)).toBe("5 passed, 1 failed");
});

test("every step that is an npm script is in package.json, and CI runs no step that a developer does not have", async () => {
  const { scripts } = await Bun.file(`${import.meta.dir}/../package.json`).json();
  for (const { command } of STEPS) {
    expect(command[0]).toBe("npm");
    const name = command[1] === "run" ? command.at(-1)! : command[1]!;
    expect(Object.keys(scripts)).toContain(name);
  }
  const ci = await Bun.file(`${import.meta.dir}/../.ci/run`).text();
  expect(ci).toContain("npm ci --ignore-scripts ");
  expect(ci).toEndWith("exec sh bin/bun tools/check.ts --all\n");
});

describe("npm ci", () => {
  interface Locked {
    optionalDependencies?: Record<string, string>;
    hasInstallScript?: boolean;
    dev?: boolean;
    version?: string;
  }
  const locked = async (): Promise<Record<string, Locked>> =>
    (await Bun.file(`${import.meta.dir}/../package-lock.json`).json()).packages;

  test("works on every platform: the lock file has an entry for each optional package", async () => {
    const packages = await locked();
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !(`node_modules/${name}` in packages));
    expect(missing).toEqual([]);
  });

  /**
   * Packages that only tests use and that carry an install script, each read in this version: why nothing is missing
   * without it. A package that users get, or one whose script does something, has no place here.
   */
  const IDLE_SCRIPTS: Record<string, string> = {
    "@google/genai@2.32.0": "its preinstall only prints that it does nothing",
    "protobufjs@7.6.6": "its postinstall only warns of a version that another package.json names; of @google/genai",
  };

  test("needs nobody's install script: whether npm runs them is up to the machine, and Bun's own moves the binary away", async () => {
    const scripted = Object.entries(await locked()).filter(([, { hasInstallScript }]) => hasInstallScript);
    const named = scripted.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, "")}@${version}`);
    expect(named.sort()).toEqual(Object.keys(IDLE_SCRIPTS).sort());
    expect(scripted.filter(([, { dev }]) => !dev)).toEqual([]);
  });

  test("runs nobody's install script in this checkout, so what needed one would fail here too", async () => {
    const npmrc = await Bun.file(`${import.meta.dir}/../.npmrc`).text();
    expect(npmrc.split("\n")).toContain("ignore-scripts=true");
    // npm would not run such scripts of our own either, so there must be none.
    const { scripts } = await Bun.file(`${import.meta.dir}/../package.json`).json();
    const around = Object.keys(scripts).filter((name) => /^(pre|post)|^(un)?install$|^prepare$/.test(name));
    expect(around).toEqual([]);
  });

  test("brings one exact version of each dependency", async () => {
    const { dependencies, devDependencies, optionalDependencies } = await Bun.file(
      `${import.meta.dir}/../package.json`,
    ).json();
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
  });
});

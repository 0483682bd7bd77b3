import { expect, test } from "bun:test";
import { cli, healthyProbes } from "../../test/support/cli.ts";

const broken = healthyProbes({
  configuration: (file, withSecrets) => ({
    problems: [
      { where: `${file}:3:5: providers[0].kind`, message: "must be one of demo, openai" },
      ...(withSecrets ? [] : [{ where: file, message: "was read without secrets" }]),
      { where: `${file}:9:1: plan`, message: 'is not a field here; did you mean "plans"?' },
    ],
    warnings: [],
  }),
});
const doubtful = healthyProbes({
  configuration: (file) => ({
    problems: [],
    warnings: [{ where: `${file}:9:1: apis[0].x`, message: "unknown parameter" }],
  }),
});

test("0: a valid file is told so", async () => {
  expect(await cli(["config", "validate", "sallyport.yaml"])).toEqual({
    exit: 0,
    stdout: "sallyport.yaml is valid.\n",
    stderr: "",
  });
});

test("1: every problem is told with file, line, column and field", async () => {
  const { exit, stdout, stderr } = await cli(["config", "validate", "s.yaml"], { probes: async () => broken });
  expect(exit).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    's.yaml:3:5: providers[0].kind: must be one of demo, openai\ns.yaml:9:1: plan: is not a field here; did you mean "plans"?\ns.yaml has 2 problems.\n',
  );
});

test("1: as JSON", async () => {
  const { exit, stdout } = await cli(["config", "validate", "s.yaml", "--json"], { probes: async () => broken });
  expect(exit).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    file: "s.yaml",
    valid: false,
    problems: [{ where: "s.yaml:3:5: providers[0].kind" }, {}],
  });
});

test("0: a valid file that may not say what was meant is told so, as a warning", async () => {
  expect(await cli(["config", "validate", "s.yaml"], { probes: async () => doubtful })).toEqual({
    exit: 0,
    stdout: "s.yaml is valid.\n",
    stderr: "warning: s.yaml:9:1: apis[0].x: unknown parameter\n",
  });
  const { exit, stdout } = await cli(["config", "validate", "s.yaml", "--json"], { probes: async () => doubtful });
  expect([exit, JSON.parse(stdout)]).toMatchObject([
    0,
    { valid: true, problems: [], warnings: [{ message: "unknown parameter" }] },
  ]);
});

test("without a file it is the one that SALLYPORT_CONFIG names; 2 where none is named", async () => {
  const env = { SALLYPORT_CONFIG: "named.yaml" };
  expect((await cli(["config", "validate"], { env })).stdout).toBe("named.yaml is valid.\n");
  expect(await cli(["config", "validate"], { env: {} })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining("SALLYPORT_CONFIG"),
  });
});

test("where the machine has no secrets, references to them are not followed", async () => {
  const { stderr } = await cli(["config", "validate", "s.yaml", "--without-secrets"], { probes: async () => broken });
  expect(stderr).toContain("was read without secrets");
});

import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { EXAMPLE, KINDS, load, problems, reader } from "../../test/support/configuration.ts";
import { defaultGateway } from "./document.ts";
import { loadConfig } from "./load.ts";

// load.ts, and with it source.ts, which knows where in the file a field stands.

describe("the documented example", () => {
  test("loads, with its defaults in place", () => {
    const { document } = load(EXAMPLE);
    expect(document.providers[0]).toMatchObject({ name: "up", allowPrivateNetwork: true });
    expect(document.apis[0]).toMatchObject({ capture: false, approval: "manual" });
    expect(document.gateway).toEqual(defaultGateway());
  });

  test("says the same as JSON", () => {
    const document = load(EXAMPLE).document;
    expect(load(JSON.stringify(document, null, "\t")).document).toEqual(document);
  });

  test("cannot be changed once it is loaded", () => {
    const config = load(EXAMPLE);
    expect(() => Object.assign(config.document.plans[0]!.limits[0]!, { requests: 1e9 })).toThrow(TypeError);
    expect(() => Object.assign(config, { gateway: null })).toThrow(TypeError);
  });

  test("shows no secret when it is printed", () => {
    const config = load(EXAMPLE);
    expect(inspect(config, { depth: 20 }) + JSON.stringify(config)).not.toMatch(/sk-upstream|243f6a/);
  });
});

describe("a mistake in the file's form", () => {
  const rows: [string, string, RegExp][] = [
    ["no YAML", "version: 1\nplans: [", /^conf\/sallyport\.yaml:2:9: /],
    ["a duplicate field", "version: 1\nplans: []\nplans: []", /^conf\/sallyport\.yaml:3:1: this field stands twice/],
    ["two documents", "version: 1\n---\nversion: 1", /^conf\/sallyport\.yaml:2:1: a second document/],
    ["a tab", "version: 1\n\tplans: []", /^conf\/sallyport\.yaml:2:1: is indented by a tab/],
    ["an unknown tag", "version: !!js/function 1", /^conf\/sallyport\.yaml:1:10: /],
    ["nothing", "", /^conf\/sallyport\.yaml:1:1: (must be a mapping|is required)/],
    ["a list", "- version: 1", /^conf\/sallyport\.yaml:1:1: must be a mapping of fields, not a list/],
    ["a bomb of aliases", bomb(), /^conf\/sallyport\.yaml:1:1: .*alias/i],
    [
      "a prototype's name",
      "version: 1\n__proto__: { plans: [] }",
      /^conf\/sallyport\.yaml:2:1: __proto__: is not a field here/,
    ],
  ];
  for (const [what, text, message] of rows) {
    test(`${what} is refused with its place`, () => expect(problems(text)[0]).toMatch(message));
  }

  test("a file that cannot be read, or is far too large, is refused by name", () => {
    const missing = () => loadConfig("gone.yaml", { kinds: KINDS, env: {}, readFile: reader("", {}) });
    expect(missing).toThrow("gone.yaml: cannot be read: no such file");
    expect(problems(`# ${"x".repeat(17 * 1024 * 1024)}`)[0]).toMatch(/larger than 16 MiB/);
  });
});

function bomb(): string {
  const levels = Array.from({ length: 8 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`)}]`);
  return ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", ...levels].join("\n");
}

test("each mistake is told, in the order of the file", () => {
  const text = EXAMPLE.replace("version: 1", "version: 3")
    .replace("requests: 10 ", "requests: -1 ")
    .replace("name: ci", "nmae: ci");
  const places = problems(text).map((line) => line.split(": ")[1]!);
  expect(places).toEqual([
    "version",
    "plans[0].limits[1].requests",
    "tenants[0].teams[0].applications[0].keys[0].name",
    "tenants[0].teams[0].applications[0].keys[0].nmae",
  ]);
});

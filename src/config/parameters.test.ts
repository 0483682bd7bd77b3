import { describe, expect, test } from "bun:test";
import { parameters } from "./parameters.ts";

const problems = (value: unknown) => {
  const read = parameters.safeParse(value);
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
};

describe("parameters of an API", () => {
  test("are kept as they are written, and nothing is added", () => {
    const written = {
      defaults: { temperature: 0.2 },
      caps: { maxOutputTokens: 100, reasoning: "low" },
      pins: { seed: 1 },
      allow: ["temperature", "max_tokens"],
      tools: { allow: ["get_*"], serverSide: false },
      store: false,
      training: false,
    };
    expect(parameters.parse(written)).toEqual(written as never);
  });

  test.each<[string, unknown, RegExp]>([
    ["an unknown parameter", { defaults: { warmth: 1 } }, /^defaults: /],
    ["a temperature that no provider takes", { pins: { temperature: 3 } }, /^pins\.temperature: /],
    ["a bound of nothing", { caps: { maxOutputTokens: 0 } }, /^caps\.maxOutputTokens: /],
    ["an effort that there is not", { caps: { reasoning: "some" } }, /^caps\.reasoning: /],
    [
      "a default beside a pin",
      { defaults: { seed: 1 }, pins: { seed: 2 } },
      /^defaults\.seed: must not stand beside a pin/,
    ],
    [
      "a default above its cap",
      { defaults: { temperature: 1 }, caps: { temperature: 0.5 } },
      /^defaults\.temperature: must not be above the cap of 0\.5/,
    ],
    [
      "a pin above its cap",
      { pins: { reasoning: "high" }, caps: { reasoning: "low" } },
      /^pins\.reasoning: must not be above the cap of low/,
    ],
    ["the demand to store", { store: true }, /^store: /],
    ["a name that is none", { allow: ["a b"] }, /^allow\.0: must be the name of a parameter/],
  ])("are refused with %s, naming it", (_what, value, wanted) => {
    expect(problems(value).join("\n")).toMatch(wanted);
  });
});

import { expect, test } from "bun:test";
import { ConfigurationError, formatProblem } from "./problem.ts";

test("a configuration error prints one line a problem", () => {
  const problems = [
    { where: "SALLYPORT_LOG", message: "must be json" },
    { where: "a.yaml:1:2: plans", message: "is missing" },
  ];
  expect(new ConfigurationError(problems).message).toBe(problems.map(formatProblem).join("\n"));
  expect(new ConfigurationError(problems).problems).toEqual(problems);
});

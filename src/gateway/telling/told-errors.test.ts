import { describe, expect, test } from "bun:test";
import { linesWithCleanErrors, withCleanErrors } from "./told-errors.ts";

const redact = (text: string) => text.replaceAll("secret", "*****");
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (lines: Uint8Array) => new TextDecoder().decode(lines);

describe("errors within an answer", () => {
  test("lose what names the account, wherever they stand", () => {
    const batch = { id: "b", errors: { data: [{ message: "org-abcdef123", line: 1 }, { message: "a secret" }] } };
    expect(withCleanErrors(batch, redact)).toEqual({
      id: "b",
      errors: { data: [{ message: "*****", line: 1 }, { message: "a *****" }] },
    });
    const nested = { result: { type: "errored", error: { error: { message: "secret" } } } };
    expect(JSON.stringify(withCleanErrors(nested, redact))).not.toContain("secret");
  });

  test("are the same values where there is nothing to take out, and nothing else is touched", () => {
    const answer = { error: null, content: "a secret of the model's", errors: [], deep: [{ error: "fine" }] };
    expect(withCleanErrors(answer, redact)).toBe(answer);
  });
});

describe("a file of results", () => {
  test("keeps every byte of lines without errors, and of what is no JSON", () => {
    const file = bytes('{"error":null,"text":"secret"}\r\n\n{"error": {broken secret\n\u00e9 "error" secret');
    expect(linesWithCleanErrors(file, redact)).toBe(file);
  });

  test("is written anew only in the lines of errors", () => {
    const file = bytes('{ "text" : "secret" }\n{"error":{"message":"secret"}}\n{ "last" : 1 }');
    expect(textOf(linesWithCleanErrors(file, redact))).toBe(
      '{ "text" : "secret" }\n{"error":{"message":"*****"}}\n{ "last" : 1 }',
    );
  });

  test("that does not end with a line's end does not get one", () => {
    expect(textOf(linesWithCleanErrors(bytes('{"error":"secret"}'), redact))).toBe('{"error":"*****"}');
  });
});

test("a name of a field is a text of an error too", () => {
  expect(withCleanErrors({ error: { "a secret": 1, "org-abcdef123": { fine: "secret" } } }, redact)).toEqual({
    error: { "a *****": 1, "*****": { fine: "*****" } },
  });
});

test("an account's number is one as a number too, and so is whatever a field calls the account's", () => {
  const error = { account: 123456789012, of: [123456789012], line: 12, created: 1790000000, took: 0.123456789012 };
  expect(withCleanErrors({ error }, redact)).toEqual({ error: { ...error, account: "*****", of: ["*****"] } });
  const named = {
    projectNumber: 4711,
    project_id: "falcon",
    awsAccountId: 12345678901,
    organization_id: "",
    project: "x",
  };
  expect(withCleanErrors({ error: named }, redact)).toEqual({
    error: { ...named, projectNumber: "*****", project_id: "*****", awsAccountId: "*****" },
  });
});

import type { z } from "zod";
import { didYouMean } from "./nearest.ts";

/** One unknown field of an object a line; the reader of the issue pairs them with its keys. */
export const LINE = "\n";

/** What a schema asks for, in words that end a sentence which begins with the field's name. */
const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping of fields",
  array: "a list",
};

/** Words for what zod found wrong. Used for a whole document at once; a schema's own message stands before it. */
export const describeIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return "is required";
      const expected = KINDS[issue.expected] ?? issue.expected;
      return `must be ${expected}, not ${nounFor(issue.input)}${hintFor(issue.expected, issue.input)}`;
    }
    case "unrecognized_keys": {
      const known = fieldsOf(issue.inst);
      return issue.keys.map((key) => `is not a field here${didYouMean(key, known)}`).join(LINE);
    }
    case "invalid_value": {
      if (issue.input === undefined) return "is required";
      const values = issue.values.map(String);
      const must = values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(", ")}`;
      return `${must}${typeof issue.input === "string" ? didYouMean(issue.input, values) : ""}`;
    }
    case "too_small":
      return `must ${sizeVerb(issue.origin)} at least ${issue.minimum}${sizeUnit(issue.origin, issue.minimum)}`;
    case "too_big":
      return `must ${sizeVerb(issue.origin)} at most ${issue.maximum}${sizeUnit(issue.origin, issue.maximum)}`;
    default:
      return undefined;
  }
};

function nounFor(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping of fields";
  if (typeof value === "string") return "text";
  return String(value);
}

/** YAML reads `1` and `true` as what they look like; who wants them as text must say so. */
function hintFor(expected: string, value: unknown): string {
  if (expected === "string" && /^(?:number|boolean)$/.test(typeof value)) return `; write it in quotes: "${value}"`;
  if ((expected === "number" || expected === "int") && typeof value === "string") return "; write it without quotes";
  if (expected === "boolean" && typeof value === "string") return "; YAML 1.2 knows only true and false";
  return "";
}

function sizeVerb(origin: string): string {
  return origin === "array" || origin === "string" ? "have" : "be";
}

function sizeUnit(origin: string, size: number | bigint): string {
  const ending = size === 1 ? "" : "s";
  if (origin === "array") return ` item${ending}`;
  return origin === "string" ? ` character${ending}` : "";
}

function fieldsOf(schema: unknown): string[] {
  const object = schema as { _zod?: { def?: { shape?: Record<string, unknown> } } } | undefined;
  return Object.keys(object?._zod?.def?.shape ?? {});
}

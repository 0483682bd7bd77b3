import { describe, expect, test } from "bun:test";
import { InvalidRequest } from "../spec/wire.ts";
import { Fields } from "./read.ts";
import { REFUSED_FIELDS, refuseUpstreamFields } from "./refused-fields.ts";

function refusal(name: string, value: unknown = "https://evil.example"): string | null | undefined {
  try {
    refuseUpstreamFields(new Fields({ model: "m", [name]: value as string }, ""));
  } catch (error) {
    if (error instanceof InvalidRequest) return error.field;
    throw error;
  }
  return undefined;
}

/** Spellings of one name that another proxy might take for it. */
function spellings(name: string): string[] {
  const words = name.split("_");
  const camel = words.map((word, index) => (index === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join("");
  const pascal = camel[0]!.toUpperCase() + camel.slice(1);
  return [name, name.toUpperCase(), words.join("-"), words.join(""), camel, pascal, `_${name}`, `${name}_`];
}

describe("a caller cannot choose the upstream, its key or its headers", () => {
  test.each(REFUSED_FIELDS.flatMap(spellings))("%s is refused by name", (name) => {
    expect(refusal(name)).toBe(name);
  });

  test.each([{}, [], "", 0, false, { Host: "evil.example" }].map((value) => [JSON.stringify(value), value]))(
    "whatever its value: %s",
    (_, value) => {
      expect(refusal("extra_headers", value)).toBe("extra_headers");
    },
  );

  test("null is as good as absent", () => {
    expect(refusal("api_base", null)).toBeUndefined();
  });

  test.each(["metadata", "user", "base", "key", "model", "provider", "organization", "api", "version", "thinking"])(
    "%s is a field of some dialect and passes",
    (name) => {
      expect(refusal(name)).toBeUndefined();
    },
  );
});

import { expect, test } from "bun:test";
import { z } from "zod";
import { InvalidInput, invalidField, readInput } from "./input.ts";
import { PageQuery } from "./schemas.ts";

const body = z.strictObject({
  name: z.string(),
  per: z.enum(["day", "month"]).optional(),
  tags: z.array(z.strictObject({ key: z.string() })).default([]),
});

function faultsOf(read: () => unknown) {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof InvalidInput) return thrown.faults;
    throw thrown;
  }
  throw new Error("was accepted");
}

test("path, query and body come through their schemas, with defaults", () => {
  const input = readInput({ query: PageQuery, body }, {}, new URLSearchParams("limit=7"), { name: "x" });
  expect(input).toEqual({ path: {}, query: { limit: 7 }, body: { name: "x", tags: [] } } as never);
});

test.each([
  [{ name: "x", colour: "red" }, "colour", "is not a field of this operation"],
  [{ name: "x", tags: [{ key: "a" }, { key: "b", value: 1 }] }, "tags[1].value", "is not a field of this operation"],
  [JSON.parse('{"name":"x","__proto__":{"admin":true}}'), "__proto__", "is not a field of this operation"],
  [{}, "name", "is required"],
  [{ name: 1 }, "name", "Invalid input: expected string, received number"],
  [{ nam: "x", name: "x" }, "nam", 'is not a field of this operation; did you mean "name"?'],
  [{ name: "x", per: "moth" }, "per", 'must be one of day, month; did you mean "month"?'],
  [{ name: "x", tags: [{ key: "a" }, {}] }, "tags[1].key", "is required"],
  [[], "", "Invalid input: expected object, received array"],
  [null, "", "Invalid input: expected object, received null"],
])("%j is refused at %p", (value, field, message) => {
  expect(faultsOf(() => readInput({ body }, {}, new URLSearchParams(), value))).toEqual([
    { in: "body", field, message },
  ]);
});

test("all faults are told at once, the first one in the message", () => {
  try {
    readInput({ query: PageQuery, body }, {}, new URLSearchParams("limit=0&colour=red"), { nam: "x" });
    throw new Error("was accepted");
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(InvalidInput);
    const error = thrown as InvalidInput;
    expect(error.faults.map((fault) => `${fault.in}.${fault.field}`)).toEqual([
      "query.limit",
      "query.colour",
      "body.name",
      "body.nam",
    ]);
    expect(error.param).toBe("limit");
    expect(error.public).toBe("limit: must be a whole number from 1 to 200");
  }
});

test.each(["0", "201", "-1", "1.5", "x", "1e3", "NaN", ""])("a limit of %p is refused", (limit) => {
  const faults = faultsOf(() => readInput({ query: PageQuery }, {}, new URLSearchParams({ limit }), undefined));
  expect(faults).toEqual([{ in: "query", field: "limit", message: "must be a whole number from 1 to 200" }]);
});

test("a query field that is given twice is refused, even with one value", () => {
  const faults = faultsOf(() => readInput({ query: PageQuery }, {}, new URLSearchParams("limit=5&limit=5"), undefined));
  expect(faults).toEqual([{ in: "query", field: "limit", message: "may be given once only" }]);
});

test("an operation without a body takes none or an empty object, and nothing else", () => {
  readInput({}, {}, new URLSearchParams(), undefined);
  readInput({}, {}, new URLSearchParams(), {});
  expect(faultsOf(() => readInput({}, {}, new URLSearchParams(), { force: true }))[0]?.field).toBe("force");
});

test("a rule beyond the schemas is told in the same form", () => {
  expect(invalidField("body", "expires", "must be in the future").faults).toEqual([
    { in: "body", field: "expires", message: "must be in the future" },
  ]);
});

import { expect, test } from "bun:test";
import { z } from "zod";
import { defineOperation } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";

const read = {
  id: "things.list",
  method: "GET",
  path: "/api/v1/things",
  summary: "List things",
  permission: "key.read",
  audit: "none",
  input: {},
  output: z.object({}),
  handle: async () => ({ body: {} }),
} as const;

const mutation = { ...read, id: "things.make", method: "POST", audit: "thing.make", repeat: "harmless" } as const;

// Each of these must fail to compile; if one ever compiles, the type check reports an unused directive.
test("an operation that forgets what makes it safe does not compile", () => {
  const { permission: _permission, ...unguarded } = read;
  // @ts-expect-error an operation without a permission
  defineOperation(unguarded);

  // @ts-expect-error a permission that is not in the table
  defineOperation({ ...read, permission: "key.everything" });

  const { audit: _audit, ...unaudited } = mutation;
  // @ts-expect-error a mutation without an audit entry
  defineOperation(unaudited);

  // @ts-expect-error a mutation that says it leaves none
  defineOperation({ ...mutation, audit: "none" });

  // @ts-expect-error a read that claims an audit entry which it has no way to write
  defineOperation({ ...read, audit: "thing.read" });

  const { repeat: _repeat, ...unrepeatable } = mutation;
  // @ts-expect-error a POST that does not say what a repetition does
  defineOperation(unrepeatable);

  const { output: _output, ...unbounded } = read;
  // @ts-expect-error an answer without a schema
  defineOperation(unbounded);

  defineOperation({
    id: "things.list",
    method: "GET",
    path: "/api/v1/things",
    summary: "List things",
    permission: "key.read",
    audit: "none",
    input: {},
    output: z.object({}),
    handle: async (context) => {
      // @ts-expect-error a read has no way to change anything
      await context.change({ subject: "thing:1", tenantId: null, detail: {} }, async () => undefined);
      return { body: {} };
    },
  });

  defineOperation({
    id: "things.make",
    method: "POST",
    path: "/api/v1/things",
    summary: "Make a thing",
    permission: "key.create",
    audit: "thing.make",
    repeat: "harmless",
    input: {},
    output: z.object({}),
    handle: async (context) => {
      // @ts-expect-error a mutation has no way around its audit entry
      await context.administration.change(context.actor, {}, async () => undefined);
      return { body: {} };
    },
  });

  // @ts-expect-error an answer that is not what the output schema says
  defineOperation({ ...read, output: z.object({ name: z.string() }), handle: async () => ({ body: { name: 1 } }) });
});

test("what is written in full compiles, and is handed on as it is", () => {
  expect(defineOperation(read)).toBe(read as never);
  expect(defineOperation(mutation)).toBe(mutation as never);
});

test("every operation has an id and a place of its own", () => {
  expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length);
  expect(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size).toBe(OPERATIONS.length);
});

test("every name in a path is a field of the path's schema, and the other way round", () => {
  for (const operation of OPERATIONS) {
    const named = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    expect(Object.keys(operation.input.path?.shape ?? {})).toEqual(named);
  }
});

test("every input schema refuses fields that it does not name", () => {
  for (const { id, input } of OPERATIONS) {
    for (const schema of [input.path, input.query, input.body]) {
      if (schema === undefined) continue;
      const result = schema.safeParse({ "no such field": 1 });
      const codes = result.error?.issues.map(({ code }) => code) ?? [];
      expect({ id, codes }).toEqual({ id, codes: expect.arrayContaining(["unrecognized_keys"]) });
    }
  }
});

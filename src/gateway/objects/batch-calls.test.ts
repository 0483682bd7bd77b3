import { expect, test } from "bun:test";
import fc from "fast-check";
import { damaged, wounds } from "../../../test/fuzz/damage.ts";
import { GatewayError } from "../../errors.ts";
import type { Json } from "../../kernel/json.ts";
import type { Call } from "../call.ts";
import { readCalls, readListedCalls } from "./batch-calls.ts";

const call = { aborted: undefined } as unknown as Call;
const encoder = new TextEncoder();
const read = (text: string) =>
  readCalls({ field: "file", name: "calls.jsonl", mediaType: "application/jsonl", bytes: encoder.encode(text) }, call);

const LINES: Json[] = [
  {
    ...{ custom_id: "a", method: "POST", url: "/v1/chat/completions" },
    body: {
      model: "m",
      messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    },
  },
  {
    ...{ custom_id: "b", method: "POST", url: "/v1/chat/completions" },
    body: { model: "m", messages: [{ role: "user", content: "x" }] },
  },
];
const LIST: Json[] = [
  { custom_id: "a", params: { model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] } },
  { custom_id: "b", params: { model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] } },
];

/** Nothing but calls, or a refusal that says where. */
async function judged(reading: Promise<unknown[]>): Promise<void> {
  const thrown = await reading.then(
    (calls) => expect(calls.length).toBeGreaterThan(0),
    (error: unknown) => error,
  );
  if (thrown === undefined) return;
  expect(thrown).toBeInstanceOf(GatewayError);
  const { status, param } = thrown as GatewayError;
  expect([status, param]).toEqual([400, expect.stringMatching(/^(?:line \d|requests\[\d|file)/)]);
}

test("damaged calls are read, or refused where they stand", async () => {
  await fc.assert(
    fc.asyncProperty(wounds, async (all) => {
      const lines = LINES.map((line) => JSON.stringify(damaged(line, all)));
      await judged(read(lines.join("\n")));
      await judged(
        readListedCalls(
          LIST.map((item) => damaged(item, all)),
          undefined,
          call,
        ),
      );
    }),
    { numRuns: 500 },
  );
});

/** Characters that JSON and UTF-8 stumble over. */
const NASTY = fc.constantFrom("\0", "\ufeff", "\ud800", "\u2028", "é", "\n", "\\", "__proto__");

test("damaged text is read, or refused where it stands", async () => {
  const text = LINES.map((line) => JSON.stringify(line)).join("\r\n");
  await fc.assert(
    fc.asyncProperty(
      fc.nat(text.length),
      fc.oneof(fc.string({ maxLength: 3 }), NASTY),
      fc.nat(5),
      async (at, put, cut) => {
        await judged(read(text.slice(0, at) + put + text.slice(at + cut)));
      },
    ),
    { numRuns: 500 },
  );
});

test("lines may end in either way, and be blank; each knows its own number", async () => {
  const [one, two] = LINES.map((line) => JSON.stringify(line));
  const calls = await read(`${one}\r\n\n \t\n${two}\n\n`);
  expect(calls.map(({ place }) => place)).toEqual([{ line: 1 }, { line: 4 }]);
});

test("more calls, or more values, than a batch may have are refused before they are all read", async () => {
  await expect(read(`${"[".repeat(1_000_001)}`)).rejects.toThrow(/commas and brackets/);
});

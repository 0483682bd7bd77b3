import { describe, expect, test } from "bun:test";
import type { EmbedInput } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { demoEmbeddings } from "./embed.ts";

function vectors(inputs: EmbedInput[], dimensions?: number): readonly number[][] {
  const operation = { type: "embed", inputs, ...(dimensions === undefined ? {} : { dimensions }) } as const;
  const request: ModelRequest = {
    dialect: "openai-embeddings",
    model: "demo",
    messages: [],
    stream: false,
    includeUsage: true,
    operation,
  };
  const parts = [...demoEmbeddings(request, "demo")].flat();
  expect(parts.at(-1)).toEqual({ type: "end" });
  return parts.flatMap((part) =>
    part.type === "result" && part.result.kind === "vector" ? [[...part.result.vector]] : [],
  );
}

const near = (one: readonly number[], other: readonly number[]) =>
  one.reduce((sum, value, i) => sum + value * other[i]!, 0);

describe("The demo's vectors", () => {
  test("are the same for the same text, of length one, and as long as asked for", () => {
    const [first, second] = vectors([{ text: "a falcon" }, { text: "a falcon" }]);
    expect(first).toEqual(second!);
    expect(first).toHaveLength(256);
    expect(near(first!, first!)).toBeCloseTo(1, 5);
    expect(vectors([{ text: "a" }, { tokens: [1, 2] }], 8).map(({ length }) => length)).toEqual([8, 8]);
  });

  test("are nearer where texts share words", () => {
    const [question, fit, unfit] = vectors([
      { text: "How do falcons hunt?" },
      { text: "Falcons hunt from great heights." },
      { text: "Invoices are due in thirty days." },
    ]);
    expect(near(question!, fit!)).toBeGreaterThan(2 * near(question!, unfit!));
  });
});

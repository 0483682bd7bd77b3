import { expect, test } from "bun:test";
import { modelToEncodingMap } from "gpt-tokenizer/mapping";
import { tokenizerOf } from "./tokenizers.ts";

test("a model has the tokenizer that the package's own map says, where it is one of these two", () => {
  for (const [model, encoding] of Object.entries(modelToEncodingMap)) {
    const { cutting, exact } = tokenizerOf(model);
    if (encoding.startsWith("cl100k")) expect({ model, cutting, exact }).toEqual({ model, cutting: "cl100k", exact: true });
    else if (!encoding.startsWith("o200k")) expect({ model, exact }).toEqual({ model, exact: false });
    else expect({ model, cutting, exact }).toEqual({ model, cutting: "o200k", exact: true });
  }
}); // biome-ignore format: a line a case

test.each<[string, string, boolean]>([
  ["gpt-4o-mini", "o200k", true],
  ["gpt-4.1", "o200k", true],
  ["gpt-5.2-pro", "o200k", true],
  ["o4-mini", "o200k", true],
  ["o3", "o200k", true],
  ["openai/gpt-oss-120b", "o200k", true],
  ["ft:gpt-4o-2024-08-06:acme::1", "o200k", true],
  ["gpt-4", "cl100k", true],
  ["gpt-4-turbo-2024-04-09", "cl100k", true],
  ["gpt-35-turbo", "cl100k", true],
  ["openai/gpt-3.5-turbo", "cl100k", true],
  ["text-embedding-3-small", "cl100k", true],
  ["claude-sonnet-4-5", "o200k", false],
  ["gemini-2.5-pro", "o200k", false],
  ["mistral-large-latest", "o200k", false],
  ["o1ympus-7b", "o200k", false],
  ["gpt-j-6b", "o200k", false],
  ["my-deployment", "o200k", false],
])("%s: %s, exact: %p", (model, cutting, exact) => {
  expect(tokenizerOf(model) as object).toMatchObject({ cutting, exact });
});

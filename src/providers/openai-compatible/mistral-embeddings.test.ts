import { expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { openaiEmbeddings } from "../../wire/openai-embeddings/index.ts";
import { openaiCompatible } from "./index.ts";
import { mistralEmbeddings } from "./mistral-embeddings.ts";

const { embed } = openaiCompatible.find(({ kind }) => kind === "mistral")!.operations!;
const encode = (fields: JsonObject) =>
  embed!.encode(openaiEmbeddings.decode({ model: "m", input: ["a"], ...fields }), "codestral-embed");

test("embeddings are asked of Mistral in its own words, and without what it refuses as unknown", () => {
  expect(embed).toBe(mistralEmbeddings);
  const { body, path, warnings } = encode({
    dimensions: 512,
    user: "u",
    encoding_format: "base64",
    output_dtype: "int8",
  });
  const rest = { encoding_format: "base64", output_dtype: "int8" };
  expect(body).toEqual({ model: "codestral-embed", input: ["a"], output_dimension: 512, ...rest });
  expect(path).toBe("/embeddings");
  expect(warnings.map(({ field }) => field)).toEqual(["user"]);
  expect(() => encode({ input: [[1, 2]] })).toThrow("not tokens");
});

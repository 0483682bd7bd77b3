import { expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import { citationFor, withoutMade } from "./citations.ts";
import { anthropicMessages } from "./index.ts";

const cite = (dialect: Dialect, value: JsonObject) =>
  citationFor({ type: "citation", choice: 0, block: 0, dialect, value });
const PAGE = {
  type: "web_search_result_location",
  url: "https://a",
  title: "https://a",
  cited_text: "",
  encrypted_index: "",
};

test("pages are cited as results of a search, in whichever words they came, and nothing else is", () => {
  expect(cite("gemini", { url: "https://a", title: "A" })).toEqual({ ...PAGE, title: "A" });
  expect(cite("openai-chat", { type: "url_citation", url_citation: { url: "https://a" } })).toEqual(PAGE);
  expect(cite("openai-chat", { url: "https://a", cited_text: "é".repeat(200) })).toEqual({
    ...PAGE,
    cited_text: "é".repeat(150),
  });
  expect(cite("openai-responses", { type: "file_citation", file_id: "f" })).toBeUndefined();
  const own = { type: "char_location", cited_text: "x" };
  expect(cite("anthropic-messages", own)).toBe(own);
});

test("what was made here does not go on with the next request, and Anthropic's own does", () => {
  const own = { ...PAGE, encrypted_index: "Eo8B" };
  const read = (citations: JsonObject[], more: JsonObject = {}) =>
    anthropicMessages.decode({
      model: "m",
      max_tokens: 1,
      messages: [{ role: "assistant", content: [{ type: "text", text: "Hi.", citations, ...more }] }],
    }).messages[0]!.parts;
  expect(read([PAGE])).toEqual([{ type: "text", text: "Hi." }]);
  expect(read([PAGE, own], { cache_control: {} })).toEqual([
    { type: "text", text: "Hi.", extra: { citations: [own], cache_control: {} } },
  ]);
  expect(withoutMade({ citations: [] })).toEqual({ citations: [] });
});

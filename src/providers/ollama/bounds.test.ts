import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { ollamaChat, ollamaGenerate } from "../../wire/ollama/index.ts";
import { MAX_CONTEXT } from "./bounds.ts";
import { encodeRequest } from "./request.ts";

const ROADS: [string, (fields: JsonObject) => ReturnType<typeof encodeRequest>][] = [
  ["chat", (fields) => encodeRequest(ollamaChat.decode({ model: "m", messages: HI, ...fields }), "m")],
  ["generate", (fields) => encodeRequest(ollamaGenerate.decode({ model: "m", prompt: "hi", ...fields }), "m")],
];
const HI = [{ role: "user", content: "hi" }];

describe.each(ROADS)("what %s may ask of the machine", (_, ask) => {
  test("a context beyond the bound becomes the bound, with a warning", () => {
    const { body, warnings } = ask({ options: { num_ctx: MAX_CONTEXT + 1, mirostat: 1 } });
    expect(body.options).toEqual({ num_ctx: MAX_CONTEXT, mirostat: 1 });
    expect(warnings.map(({ field }) => field)).toEqual(["options.num_ctx"]);
  });

  test("a context within it is asked for", () => {
    const { body, warnings } = ask({ options: { num_ctx: MAX_CONTEXT } });
    expect([body.options, warnings]).toEqual([{ num_ctx: MAX_CONTEXT }, []]);
  });

  test.each<Json>([-1, "-1", "-1m", "-1s", 3_601, "61m", "1h1s", "24h", "for ever", "1".repeat(65), {}])(
    "a model stays loaded no longer: %p",
    (keep_alive) => {
      const { body, warnings } = ask({ keep_alive });
      expect(body.keep_alive).toBeUndefined();
      expect(warnings.map(({ field }) => field)).toEqual(["keep_alive"]);
    },
  );

  test.each<Json>([0, 300, "0", "5m", "1h", "59m59.5s", "500ms"])("as long as %p is asked for", (keep_alive) => {
    const { body, warnings } = ask({ keep_alive });
    expect([body.keep_alive, warnings]).toEqual([keep_alive, []]);
  });
});

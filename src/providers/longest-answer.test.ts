/** How long an answer to a caller is who sets no bound, as providers' adapters say it: so much is held for it. */
import { expect, test } from "bun:test";
import type { ModelRequest } from "../spec/request.ts";
import { ADAPTERS } from "./adapters.ts";

const longest = (kind: string, model: string) => ADAPTERS.find((each) => each.kind === kind)?.longestAnswer?.(model);

test.each([
  ["openai", "gpt-4o", 16_384],
  ["openai", "gpt-4o-mini-2024-07-18", 16_384],
  ["openai", "ft:gpt-4.1-mini:acme::x", 32_768],
  ["openai", "gpt-5", 128_000],
  ["openai", "my-own", undefined],
  ["anthropic", "claude-3-5-haiku-latest", 8_192],
  ["google", "gemini-2.0-flash", 8_192],
  ["google", "gemini-2.5-pro", 65_536],
  ["vertex", "gemini-2.5-flash", 65_536],
  ["vertex", "claude-sonnet-4@20250514", 32_000],
  ["openai-compatible", "gpt-4o", undefined],
  ["openrouter", "openai/gpt-4o", undefined],
] as const)("%s: %s writes at most %p tokens", (kind, model, tokens) => {
  expect(longest(kind, model)).toBe(tokens);
});

test.each(["claude-3-haiku-20240307", "claude-3-7-sonnet-latest", "claude-opus-4-1", "claude-opus-5-5", "a-stranger"])(
  "of Anthropic's %s it is what the model is asked for",
  (model) => {
    const request: ModelRequest = {
      dialect: "openai-chat",
      model: "m",
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      stream: false,
      includeUsage: false,
    };
    const adapter = ADAPTERS.find(({ kind }) => kind === "anthropic")!;
    expect(adapter.longestAnswer!(model)).toBe(adapter.encode(request, model, {}).body.max_tokens as number);
  },
);

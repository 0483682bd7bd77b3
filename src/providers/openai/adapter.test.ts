import { describe, expect, test } from "bun:test";
import type { AccountOptions } from "../../spec/adapter.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { ADAPTERS } from "../adapters.ts";

const messages = [{ role: "user", content: "hi" }];
const CALLERS = {
  chat: openaiChat.decode({ model: "m", messages }),
  responses: openaiResponses.decode({ model: "m", input: "hi" }),
};

/** The path at which an account of this kind is asked, for a caller of each API. */
function paths(kind: string, model: string, options: AccountOptions): string[] {
  const adapter = ADAPTERS.find((each) => each.kind === kind)!;
  return Object.values(CALLERS).map((request) => {
    const asked = adapter.variant?.(request, model, options) ?? adapter;
    return asked.encode(request, model, options).path.replace(/\?.*/, "");
  });
}

const CHAT = "/chat/completions";
const RESPONSES = "/responses";

describe("an account is asked, for callers of Chat Completions and of Responses,", () => {
  test.each([
    ["openai", "gpt-5.1", {}, [CHAT, RESPONSES]],
    ["openai", "gpt-5.1", { api: "chat" }, [CHAT, CHAT]],
    ["openai", "gpt-5.1", { api: "responses" }, [RESPONSES, RESPONSES]],
    // Models that have one API are asked by that, whatever the account says.
    ["openai", "o3-pro", { api: "chat" }, [RESPONSES, RESPONSES]],
    ["openai", "gpt-4o-audio-preview", { api: "responses" }, [CHAT, CHAT]],
    ["groq", "m", {}, [CHAT, RESPONSES]],
    ["groq", "m", { api: "chat" }, [CHAT, CHAT]],
    // Of somebody's own server only its owner knows.
    ["openai-compatible", "m", {}, [CHAT, CHAT]],
    ["openai-compatible", "m", { api: "responses" }, [RESPONSES, RESPONSES]],
    ["llamacpp", "m", { api: "responses" }, [RESPONSES, RESPONSES]],
    ["azure-openai", "d", { api: "responses" }, ["/openai/v1/responses", "/openai/v1/responses"]],
    ["azure-openai", "d", { api: "responses", apiVersion: "2024-10-21" }, Array(2).fill("/openai/deployments/d/chat/completions")],
  ] as const)("%s for %s with %j, at %j", (kind, model, options, expected) => {
    expect(paths(kind, model, options)).toEqual([...expected]);
  }); // biome-ignore format: one row a line

  test("and only kinds that can be asked by Responses take the option", () => {
    const takes = (kind: string) => Object.keys(ADAPTERS.find((each) => each.kind === kind)!.options ?? {});
    expect(takes("vllm")).toEqual(["api"]);
    expect(takes("azure-openai")).toEqual(["api", "apiVersion"]);
    for (const kind of ["mistral", "anthropic", "together"]) expect(takes(kind)).toEqual([]);
  });
});

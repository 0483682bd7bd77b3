/**
 * Ids of some services are whole numbers beyond 2^53, which JavaScript rounds. In the arguments of a tool call they
 * keep their digits, whichever dialect holds them as an object. Proves kernel/json.ts where dialects use it.
 */
import { describe, expect, test } from "bun:test";
import { parseBody } from "../src/gateway/arrival/body.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { gemini } from "../src/wire/gemini/index.ts";
import { ollamaChat } from "../src/wire/ollama/index.ts";

const ARGUMENTS = '{"id":1234567890123456789,"of":[{"list":-9007199254740993}]}';
const adapterOf = (kind: string) => ADAPTERS.find((adapter) => adapter.kind === kind)!;
const request: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  stream: false,
  includeUsage: false,
  maxOutputTokens: 10,
  messages: [
    { role: "user", parts: [{ type: "text", text: "Who?" }] },
    { role: "assistant", parts: [{ type: "tool-call", id: "call_1", name: "f", arguments: ARGUMENTS }] },
    { role: "tool", parts: [{ type: "tool-result", callId: "call_1", content: [{ type: "text", text: "x" }] }] },
  ] as ModelRequest["messages"],
};

describe("an earlier call goes with all of its digits", () => {
  test.each(["anthropic", "google", "bedrock", "ollama", "openai"])("to %s", (kind) => {
    const written = JSON.stringify(adapterOf(kind).encode(request, "m", { region: "us-east-1" }).body);
    expect(written.replaceAll("\\", "")).toContain(ARGUMENTS);
  });

  const call = `"name":"f"`;
  const callers: [string, Wire, string][] = [
    ["anthropic", anthropicMessages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":[{"type":"tool_use","id":"t",${call},"input":${ARGUMENTS}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}`],
    ["gemini", gemini, `{"contents":[{"role":"user","parts":[{"text":"Who?"}]},{"role":"model","parts":[{"functionCall":{${call},"args":${ARGUMENTS}}}]},{"role":"user","parts":[{"functionResponse":{${call},"response":{}}}]}]}`],
    ["ollama", ollamaChat, `{"model":"m","messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"","tool_calls":[{"function":{${call},"arguments":${ARGUMENTS}}}]},{"role":"tool","tool_name":"f","content":"x"}]}`],
  ]; // biome-ignore format: a body a line
  test.each(callers)("from callers of %s", (_, wire, body) => {
    const { messages } = wire.decode(parseBody(new TextEncoder().encode(body)), { params: { model: "m" } } as never);
    const parts = messages.flatMap((message) => message.parts);
    expect(parts.find(({ type }) => type === "tool-call")).toMatchObject({ arguments: ARGUMENTS });
  });
});

describe("a new call comes with all of its digits", () => {
  const answers: [string, string][] = [
    ["anthropic", `{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":${ARGUMENTS}}],"stop_reason":"tool_use"}`],
    ["google", `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":${ARGUMENTS}}}]},"finishReason":"STOP"}]}`],
    ["bedrock", `{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":${ARGUMENTS}}}]}},"stopReason":"tool_use"}`],
    ["ollama", `{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${ARGUMENTS}}}]},"done":true,"done_reason":"stop"}`],
  ]; // biome-ignore format: an answer a line
  test.each(answers)("from %s", (kind, body) => {
    const adapter = adapterOf(kind);
    const decoder = (adapter.variant?.(request, "m", { region: "us-east-1" }) ?? adapter).decoder(request);
    const text = decoder.unary(body).map((part) => (part.type === "arguments-delta" ? part.text : ""));
    expect(text.join("")).toBe(ARGUMENTS);
  });
});

test("numbers that are checked stay numbers: a bound is not hidden by its length", () => {
  const body = `{"max_tokens":12345678901234567890,"name":"x","n_samples":12345678901234567890,"input":[12345678901234567890]}`;
  expect(parseBody(new TextEncoder().encode(body))).toEqual(JSON.parse(body));
});

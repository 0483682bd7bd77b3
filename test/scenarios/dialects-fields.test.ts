/**
 * Every field of a request that the installed official clients know, sent to the provider of
 * the other dialect: asked in its words, warned of, or refused by name. A field that a new
 * version of a client brings fails here until somebody has decided about it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/kernel/json.ts";
import { DIALECTS, type DialectName, FRONTS } from "../support/scene.ts";
import { SdkScene } from "../support/sdk.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin({ api: { storedState: true } });
});
afterAll(() => scene.stop());

/** Values for each field that a client's types know, or knew, by which we see what becomes of it. */
const FIELDS: Record<DialectName, JsonObject> = {
  openai: {
    audio: { voice: "alloy", format: "wav" },
    frequency_penalty: 1,
    function_call: "auto",
    functions: [{ name: "f" }],
    logit_bias: { "1": 1 },
    logprobs: true,
    max_completion_tokens: 9,
    max_tokens: 9,
    metadata: { a: "b" },
    modalities: ["text", "audio"],
    moderation: { model: "m" },
    n: 2,
    parallel_tool_calls: false,
    prediction: { type: "content", content: "x" },
    presence_penalty: 1,
    prompt_cache_key: "k",
    prompt_cache_options: { mode: "explicit" },
    prompt_cache_retention: "24h",
    reasoning_effort: "high",
    response_format: { type: "json_object" },
    safety_identifier: "s",
    seed: 1,
    service_tier: "priority",
    stop: ["x"],
    store: true,
    temperature: 0.5,
    tool_choice: "required",
    tools: [{ type: "function", function: { name: "f" } }],
    top_logprobs: 1,
    top_p: 0.5,
    user: "u",
    verbosity: "low",
    web_search_options: {},
  },
  anthropic: {
    billing_policy: { bill_to: "self" },
    cache_control: { type: "ephemeral" },
    compaction: { type: "summarize" },
    container: "c",
    context_management: { edits: [] },
    diagnostics: { previous_message_id: "msg_1" },
    fallback_credit_token: "t",
    fallbacks: "default",
    inference_geo: "us",
    mcp_servers: [{ type: "url", url: "https://mcp.example.com", name: "m" }],
    metadata: { user_id: "u" },
    output_config: { effort: "high" },
    output_format: { type: "json_schema", schema: { type: "object" } },
    service_tier: "standard_only",
    speed: "fast",
    stop_sequences: ["x"],
    system: "s",
    temperature: 0.5,
    thinking: { type: "enabled", budget_tokens: 1_024 },
    thread: { type: "create" },
    tool_choice: { type: "any" },
    tools: [{ name: "f", input_schema: { type: "object" } }],
    top_k: 5,
    top_p: 0.5,
  },
};

/** Fields without which others say nothing. */
const TOGETHER: JsonObject = {
  function_call: FIELDS.openai.functions!,
  tool_choice: FIELDS.openai.tools!,
  parallel_tool_calls: FIELDS.openai.tools!,
};

/** Not settings: what every call has, or what the client sends as headers. */
const ELSEWHERE = new Set(
  "model messages max_tokens stream stream_options betas user_profile_id workspace_id".split(" "),
);

const TYPES: Record<DialectName, [file: string, type: string]> = {
  openai: ["openai/resources/chat/completions/completions.d.ts", "ChatCompletionCreateParamsBase"],
  anthropic: ["@anthropic-ai/sdk/resources/beta/messages/messages.d.ts", "MessageCreateParamsBase"],
};

/** The fields of a request that the installed client's types name. */
function fieldsOf(dialect: DialectName): string[] {
  const [file, type] = TYPES[dialect];
  const text = readFileSync(join(import.meta.dir, "../../node_modules", file), "utf8");
  const from = text.indexOf(`export interface ${type} {`);
  const body = text.slice(from, text.indexOf("\n}\n", from));
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name]) => name!).filter((name) => !ELSEWHERE.has(name));
}

describe.each(DIALECTS)("every field that the client of %s knows", (front) => {
  test("is in the table", () => {
    expect(fieldsOf(front).filter((name) => !Object.hasOwn(FIELDS[front], name))).toEqual([]);
    expect(fieldsOf(front).length).toBeGreaterThan(15);
  });

  const provider: DialectName = front === "openai" ? "anthropic" : "openai";
  test.each(Object.keys(FIELDS[front]))(`%s is asked of ${provider}, warned of, or refused by name`, async (name) => {
    const model = provider === "openai" ? "thinker" : "claude";
    const needs = front === "openai" ? TOGETHER[name] : name === "tool_choice" ? FIELDS.anthropic.tools : undefined;
    const more = needs === undefined ? {} : { [name === "function_call" ? "functions" : "tools"]: needs };
    const base = FRONTS[front].body({ model, ...more });
    const before = await scene.ask(front, base);
    const { status, sent, warnings, error } = await scene.ask(front, { ...base, [name]: FIELDS[front][name]! });
    const said = JSON.stringify(sent) !== JSON.stringify(before.sent);
    const told = warnings.includes(name) && warnings !== before.warnings;
    const refused = status === 400 && (error!.param ?? error!.message).includes(name);
    expect({ name, handled: said || told || refused }).toEqual({ name, handled: true });
  });
});

test("docs/howto/dialects.md names every field that is refused", async () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/howto/dialects.md"), "utf8");
  const refused: string[] = [];
  for (const [front, model] of [
    ["openai", "claude"],
    ["anthropic", "gpt"],
  ] as const) {
    for (const [name, value] of Object.entries(FIELDS[front])) {
      const { status, code } = await scene.ask(front, FRONTS[front].body({ model, [name]: value }));
      if (status === 400 && (code === "unsupported_feature" || name === "thread")) refused.push(name);
    }
  }
  expect(refused.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  expect(refused.length).toBeGreaterThan(8);
});

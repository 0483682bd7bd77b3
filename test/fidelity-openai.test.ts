import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../src/kernel/json.ts";
import { openai } from "../src/providers/openai/index.ts";
import { openaiCompatible } from "../src/providers/openai-compatible/index.ts";
import { MalformedAnswer, type ProviderAdapter } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { differencesBeside, type ListedDifference, UNSAID } from "./support/json-differences.ts";
import {
  type Exchange,
  faultsOf,
  framesOf,
  loadDigests,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";

/** Every recorded call of OpenAI's chat dialect, to OpenAI and to its lookalikes, in both directions. */
requireRecordings("fidelity-openai");

const exchanges = recordedExchanges(["openai.chat"]);
const context = { requestId: "call_01", created: 1_700_000_000 };

/** The adapter of a recorded provider; those without a row of their own are any lookalike. */
function adapterOf(exchange: Exchange): ProviderAdapter {
  if (exchange.provider === "openai" || exchange.provider === "azure") return openai;
  const named = openaiCompatible.find((adapter) => adapter.kind === exchange.provider);
  return named ?? openaiCompatible[0]!;
}

function requestOf(exchange: Exchange): ModelRequest {
  const asked = exchange.request?.json;
  if (asked !== undefined && !(exchange.name in REFUSED)) return openaiChat.decode(asked);
  return openaiChat.decode({ model: "m", messages: [{ role: "user", content: "x" }] });
}

function decode(exchange: Exchange, request: ModelRequest): EventPart[] {
  const decoder = adapterOf(exchange).decoder(request);
  const { json, text } = exchange.response;
  if (text === undefined) return decoder.unary(JSON.stringify(json));
  return [...framesOf(text).flatMap((frame) => (frame.data === "" ? [] : decoder.frame(frame))), ...decoder.close()];
}

const answered = exchanges.filter(({ response: { status, json, text } }) => {
  return status === 200 && (text !== undefined || (json !== undefined && json !== null));
});

/** Answers that are none: the decoder must say so. */
const MALFORMED: Record<string, string> = {
  "semantic-kernel/openai--chat_completion_invalid_streaming_test_response--f48167#0": "a chunk that is no JSON",
};

/** Every way in which what the caller reads may differ from what the digest reads in the recording. */
const LISTED_ANSWERS: { name: RegExp; difference: RegExp; why: string }[] = [
  {
    name: /snowflake_thinking_streaming|openrouter_openai_gpt-5_2_searches/,
    difference: /^reasoning: want "" got "/,
    why: "the thought is told in reasoning_details only, where the digest does not look",
  },
  {
    name: /openai--null-function/,
    difference: /^tools: want \[\{"args":\{\}\}\] got \[\{"name":"","args":\{\}\}\]$/,
    why: "a call without a name has an empty one: clients read it unchecked",
  },
];

function unlisted(name: string, differences: string[]): string[] {
  return differences.filter(
    (found) => !LISTED_ANSWERS.some((row) => row.name.test(name) && row.difference.test(found)),
  );
}

/** Requests that are refused, each with the field and the reason. */
const REFUSED: Record<string, { field: string; why: string }> = {
  "envoy-ai-gateway/openai--chat-no-messages--6b8ae7#0": {
    field: "messages",
    why: "an empty list, which OpenAI refused too",
  },
  "pydantic-ai/openrouter--test_openrouter_with_native_options--08d90c#0": {
    field: "models",
    why: "a list of further models would get around what was granted",
  },
};

describe.skipIf(!recordingsAreHere)("recorded answers", () => {
  test.each(answered.map((exchange) => [exchange.name, exchange] as const))("%s", async (name, exchange) => {
    const { respDigest, diff } = await loadDigests();
    const request = requestOf(exchange);
    if (name in MALFORMED) {
      expect(() => decode(exchange, request)).toThrow(MalformedAnswer);
      return;
    }
    const parts = decode(exchange, request);
    const last = parts.at(-1)!.type;
    const faults = faultsOf(parts).filter((fault) => last !== "error" || !fault.endsWith("never ends"));
    expect(faults).toEqual([]);
    expect(["end", "error"]).toContain(last);
    const want = respDigest(exchange);
    expect(last === "error").toBe(want.error !== null || isCut(exchange));
    if (last === "error") return;

    const streamed = openaiChat.encoder({ ...request, includeUsage: true }, context).frames(parts);
    expect(streamed.endsWith("data: [DONE]\n\n")).toBe(true);
    const asStream = respDigest({ api: "openai.chat", response: { status: 200, text: streamed } });
    const body = openaiChat.encoder(request, context).unary(parts);
    const asBody = respDigest({ api: "openai.chat", response: { status: 200, json: JSON.parse(body) } });
    expect(unlisted(name, diff(want, asStream, { reasoning: true }))).toEqual([]);
    expect(unlisted(name, diff(want, asBody, { reasoning: true }))).toEqual([]);
  });
});

/** Streams that end with neither a reason nor `[DONE]`. */
function isCut({ response: { text } }: Exchange): boolean {
  return text !== undefined && !/\[DONE\]/.test(text) && !/"finish_reason":\s*"/.test(text);
}

describe.skipIf(!recordingsAreHere)("recorded errors", () => {
  const failed = exchanges.filter(({ response }) => response.status >= 400);
  test.each(failed.map((exchange) => [exchange.name, exchange] as const))("%s", (_, exchange) => {
    const { status, json, text, headers } = exchange.response;
    const body = text ?? JSON.stringify(json);
    const error = adapterOf(exchange).error(status, body, (name) => headers[name] ?? null);
    expect(error.status).toBe(status);
    const said = ((json?.error as JsonObject | undefined)?.message ?? json?.detail) as string;
    expect(error.message).toStartWith(said);
  });
});

const asked = exchanges.filter((exchange) => exchange.request?.json !== undefined);

describe.skipIf(!recordingsAreHere)("recorded requests", () => {
  test.each(asked.map((exchange) => [exchange.name, exchange] as const))("%s", async (name, exchange) => {
    const { reqDigest } = await loadDigests();
    const body = exchange.request!.json!;
    const refused = REFUSED[name];
    if (refused !== undefined) {
      expect(() => openaiChat.decode(body)).toThrow(refused.field);
      return;
    }
    const written = adapterOf(exchange).encode(openaiChat.decode(body), String(body.model)).body;
    expect(differencesBeside(LISTED, body, written)).toEqual([]);
    const api = "openai.chat";
    expect(reqDigest({ api, request: { json: written } })).toEqual(reqDigest({ api, request: { json: body } }));
  });
});

/** Every way in which what goes upstream may differ from what the caller wrote. */
const LISTED: readonly ListedDifference[] = [
  ...UNSAID,
  {
    path: /^\.stream_options/,
    change: /→ (\{"include_usage":true\}|true)$/,
    why: "the usage of every call is metered",
  },
  { path: /^\.tools\.\d+\.type$/, change: /^undefined → "function"$/, why: "the only type that it could have been" },
  { path: /\.tool_calls$/, change: /^\[\] → undefined$/, why: "no calls" },
  { path: /\.thinking\.\d+(\.text)?$/, change: /./, why: "pieces of one thought are joined" },
];

import { describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { JsonObject } from "../src/kernel/json.ts";
import { anthropic } from "../src/providers/anthropic/index.ts";
import { openai } from "../src/providers/openai/index.ts";
import type { ProviderAdapter } from "../src/spec/adapter.ts";
import type { EventPart } from "../src/spec/event.ts";
import type { ModelRequest } from "../src/spec/request.ts";
import type { Wire } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { type Listed, SPLICED_NAMES, TOLD_OTHERWISE } from "./support/fidelity-differences.ts";
import { CHAT_AS_MESSAGES_OTHERWISE, MESSAGES_AS_CHAT_OTHERWISE } from "./support/fidelity-requests.ts";
import {
  type Digest,
  type Exchange,
  framesOf,
  loadDigests,
  parallelRecordings,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";

/** Recorded traffic of one dialect, told in the other: whoever reads it must learn the same. */

requireRecordings("fidelity across dialects");

const here = describe.skipIf(!recordingsAreHere);

async function differences(
  api: string,
  provider: ProviderAdapter,
  front: Wire,
  frontApi: string,
): Promise<[Exchange, Digest, string[]][]> {
  const { respDigest, diff } = await loadDigests();
  const found: [Exchange, Digest, string[]][] = [];
  for (const exchange of recordedExchanges([api])) {
    const { status, text, json } = exchange.response;
    if (status !== 200 || (text === undefined && json === undefined)) continue;
    const want = respDigest({ api, response: exchange.response });
    const request: ModelRequest = {
      dialect: front.dialect,
      model: "m",
      messages: [],
      stream: text !== undefined,
      includeUsage: true,
    };
    const batches = read(exchange, provider, request);
    if (batches === undefined) {
      if (want.error === null) found.push([exchange, want, ["not read"]]);
      continue;
    }
    const context = { requestId: "call_01abc", created: 1 };
    const streamed = front.encoder(request, context);
    const ways = [
      { text: batches.map((batch) => streamed.frames(batch)).join("") },
      { json: JSON.parse(front.encoder({ ...request, stream: false }, context).unary(batches.flat())) as unknown },
    ];
    const told = ways.flatMap((way) =>
      diff(want, respDigest({ api: frontApi, response: { status: 200, ...way } }), { reasoning: true }),
    );
    if (told.length > 0) found.push([exchange, want, told]);
  }
  return found;
}

/** undefined: the provider's answer is none. */
function read(exchange: Exchange, provider: ProviderAdapter, request: ModelRequest): EventPart[][] | undefined {
  const decoder = provider.decoder(request);
  const { text, json } = exchange.response;
  try {
    if (text === undefined) return [decoder.unary(JSON.stringify(json))];
    return [...framesOf(text).map((frame) => decoder.frame(frame)), decoder.close()];
  } catch {
    return undefined;
  }
}

function unexplained(found: readonly [Exchange, Digest, string[]][], reasons: readonly Listed[]): [string, string[]][] {
  return found
    .filter(([exchange, want, told]) => !reasons.some((reason) => reason.applies({ exchange, want, found: told })))
    .map(([exchange, , told]) => [`${exchange.name} (${exchange.provider})`, told]);
}

here("an answer of a provider of the other dialect says the same", () => {
  test("Anthropic's, told to OpenAI's clients", async () => {
    const found = await differences("anthropic.messages", anthropic, openaiChat, "openai.chat");
    expect(unexplained(found, TOLD_OTHERWISE["anthropic.messages"])).toEqual([]);
  });

  test("OpenAI's and its lookalikes', told to Anthropic's clients", async () => {
    const found = await differences("openai.chat", openai, anthropicMessages, "anthropic.messages");
    expect(unexplained(found, TOLD_OTHERWISE["openai.chat"])).toEqual([]);
    // The reasons must stay exceptions.
    expect(found.length).toBeLessThan(60);
  });
});

here("what we write for Anthropic's clients", () => {
  test("is read by their official SDK, event by event, as the same message", async () => {
    const { respDigest, diff } = await loadDigests();
    let stream = "";
    const client = new Anthropic({
      apiKey: "unused",
      maxRetries: 0,
      fetch: async () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
    });
    const request: ModelRequest = {
      dialect: "anthropic-messages",
      model: "m",
      messages: [],
      stream: true,
      includeUsage: true,
    };
    const context = { requestId: "call_01abc", created: 1 };
    const digest = (message: unknown) =>
      respDigest({ api: "anthropic.messages", response: { status: 200, json: message } });
    const misread: string[] = [];
    for (const [api, provider] of [
      ["openai.chat", openai],
      ["anthropic.messages", anthropic],
    ] as const) {
      for (const exchange of recordedExchanges([api])) {
        const { status, text, json } = exchange.response;
        const batches = status === 200 && (text ?? json) !== undefined ? read(exchange, provider, request) : undefined;
        if (batches === undefined) continue;
        const parts = batches.flat();
        const encoder = anthropicMessages.encoder(request, context);
        stream = batches.map((batch) => encoder.frames(batch)).join("");
        const asked = client.messages.stream({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] });
        const failed = parts.some((part) => part.type === "error");
        const got = await asked.finalMessage().catch((thrown: unknown) => String(thrown));
        if (typeof got === "string" || failed) {
          if (!failed || typeof got !== "string")
            misread.push(`${exchange.name}: ${typeof got === "string" ? got : "no error"}`);
          continue;
        }
        const whole = JSON.parse(anthropicMessages.encoder(request, context).unary(parts)) as unknown;
        if (diff(digest(whole), digest(got), { reasoning: true }).length > 0) misread.push(exchange.name);
      }
    }
    // The SDK mends cut arguments in its own way.
    expect(misread.filter((name) => !SPLICED_NAMES.includes(name))).toEqual([]);
  }, 30_000);
});

here("what we write for OpenAI's clients", () => {
  test("is read by their official SDK, chunk by chunk, as the same answer", async () => {
    const { respDigest, diff } = await loadDigests();
    let stream = "";
    const client = new OpenAI({
      apiKey: "unused",
      maxRetries: 0,
      fetch: async () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
    });
    const request = openaiChat.decode({
      model: "m",
      messages: [{ role: "user", content: "x" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const context = { requestId: "call_01abc", created: 1 };
    const digest = (answer: unknown) => respDigest({ api: "openai.chat", response: { status: 200, json: answer } });
    const misread: string[] = [];
    let readSoFar = 0;
    for (const exchange of recordedExchanges(["anthropic.messages"])) {
      const { status, text, json } = exchange.response;
      const batches = status === 200 && (text ?? json) !== undefined ? read(exchange, anthropic, request) : undefined;
      if (batches === undefined || batches.flat().some((part) => part.type === "error")) continue;
      const encoder = openaiChat.encoder(request, context);
      stream = batches.map((batch) => encoder.frames(batch)).join("");
      const asked = client.chat.completions.stream({ model: "m", messages: [{ role: "user", content: "x" }] });
      const got = await asked.finalChatCompletion().catch((thrown: unknown) => String(thrown));
      const whole = JSON.parse(openaiChat.encoder(request, context).unary(batches.flat())) as unknown;
      // The SDK does not put thoughts together: it does not know the field.
      if (typeof got === "string" || diff(digest(whole), digest(got)).length > 0) misread.push(exchange.name);
      else readSoFar++;
    }
    expect(misread).toEqual([]);
    expect(readSoFar).toBeGreaterThan(400);
  }, 30_000);
});

here("a request in OpenAI's dialect, sent to Anthropic", () => {
  test("asks what the same author asks of Anthropic", async () => {
    const { reqDigest } = await loadDigests();
    const differ = new Map<string, string[]>();
    let compared = 0;
    for (const { scenario, recordings } of parallelRecordings()) {
      const target = recordings.find((exchange) => exchange.api === "anthropic.messages");
      const wanted = target?.request?.json;
      if (wanted === undefined) continue;
      for (const { api, request } of recordings) {
        if (api !== "openai.chat" || request?.json === undefined) continue;
        compared++;
        const want = reqDigest({ api: "anthropic.messages", request: { json: wanted } });
        const got = reqDigest({
          api: "anthropic.messages",
          request: { json: toAnthropic(request.json, String(wanted.model)) },
        });
        const fields = ["system", "turns", "tools", "choice", "schema"];
        const other = fields.filter((field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]));
        if (other.length > 0) differ.set(scenario, other);
      }
    }
    expect(compared).toBeGreaterThan(200);
    expect([...differ.keys()].sort()).toEqual(Object.keys(CHAT_AS_MESSAGES_OTHERWISE).sort());
  });
});

here("a request in Anthropic's dialect, sent to OpenAI", () => {
  test("asks what the same author asks of OpenAI", async () => {
    const { reqDigest } = await loadDigests();
    const differ = new Map<string, string[]>();
    let compared = 0;
    for (const { scenario, recordings } of parallelRecordings()) {
      const chats = recordings.filter((exchange) => exchange.api === "openai.chat");
      const wanted = (chats.find((exchange) => exchange.provider === "openai") ?? chats[0])?.request?.json;
      if (wanted === undefined) continue;
      for (const { api, request } of recordings) {
        if (api !== "anthropic.messages" || request?.json === undefined) continue;
        compared++;
        const written = openai.encode(anthropicMessages.decode(request.json), String(wanted.model)).body;
        const want = reqDigest({ api: "openai.chat", request: { json: wanted } });
        const got = reqDigest({ api: "openai.chat", request: { json: written } });
        const fields = ["system", "turns", "tools", "choice", "schema"];
        const other = fields.filter((field) => JSON.stringify(want[field]) !== JSON.stringify(got[field]));
        if (other.length > 0) differ.set(scenario, other);
      }
    }
    expect(compared).toBeGreaterThan(90);
    expect([...differ.keys()].sort()).toEqual(Object.keys(MESSAGES_AS_CHAT_OTHERWISE).sort());
  });
});

function toAnthropic(body: JsonObject, model: string): JsonObject {
  try {
    return anthropic.encode(openaiChat.decode(body), model).body;
  } catch (thrown) {
    return { model: String(thrown) };
  }
}

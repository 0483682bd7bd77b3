/**
 * Well-formed answers of a provider that speaks OpenAI's Chat Completions.
 * Source: the API reference of OpenAI, "Chat Completions" and "Streaming".
 */
import type { Json, JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, type AnswerUsage, DEFAULT_USAGE, fragments, type Replies, whole, words } from "./answer.ts";
import { type BodyOptions, frameText, json, type Script, type SseOptions, sse } from "./script.ts";

type Choice = NonNullable<Answer["choices"]>[number];

/** The body of an answer that is not streamed. */
export function body(answer: Answer): JsonObject {
  return {
    id: answer.id ?? "chatcmpl-test1",
    object: "chat.completion",
    created: answer.created ?? 1_700_000_000,
    model: answer.model ?? "gpt-test",
    choices: choicesOf(answer).map((choice, index) => ({
      index,
      message: message(answer, choice),
      logprobs: choice.logprobs ?? null,
      finish_reason: finishOf(choice),
    })),
    usage: usage(answer.usage ?? DEFAULT_USAGE),
    service_tier: "default",
    system_fingerprint: "fp_test",
    ...answer.extra,
  };
}

/** The `data` of each event of a stream, without `[DONE]`. Choices of one answer are interleaved, as parallel calls are not. */
export function chunks(answer: Answer, options: { includeUsage?: boolean } = {}): JsonObject[] {
  const includeUsage = options.includeUsage ?? true;
  const chunk = (choices: Json[], counted: Json): JsonObject => ({
    id: answer.id ?? "chatcmpl-test1",
    object: "chat.completion.chunk",
    created: answer.created ?? 1_700_000_000,
    model: answer.model ?? "gpt-test",
    service_tier: "default",
    system_fingerprint: "fp_test",
    choices,
    ...(includeUsage ? { usage: counted } : {}),
    ...answer.extra,
  });
  const perChoice = choicesOf(answer).map((choice, index) => choiceDeltas(answer, choice, index));
  const longest = Math.max(...perChoice.map((deltas) => deltas.length));
  const all: JsonObject[] = [];
  for (let turn = 0; turn < longest; turn++) {
    for (const deltas of perChoice) {
      const delta = deltas[turn];
      if (delta !== undefined) all.push(chunk([delta], null));
    }
  }
  if (includeUsage) all.push(chunk([], usage(answer.usage ?? DEFAULT_USAGE)));
  return all;
}

/** The events of a stream as text, `[DONE]` included. */
export function frames(answer: Answer, options: { includeUsage?: boolean } = {}): string[] {
  return [...chunks(answer, options).map((data) => frameText({ data })), "data: [DONE]\n\n"];
}

export function unary(answer: Answer, options: BodyOptions = {}): Script {
  return json(200, body(answer), { headers: { "x-request-id": "req_provider1" }, ...options });
}

export function stream(answer: Answer, options: SseOptions & { includeUsage?: boolean } = {}): Script {
  return sse(frames(answer, options), { headers: { "x-request-id": "req_provider1" }, ...options });
}

/** Unary, streamed, with usage or without: as the request asks. */
export const replies: Replies = (answer, options) => (request) => {
  const asked = request.json();
  if (asked.stream !== true) return unary(answer, options?.unary);
  return stream(answer, { ...options?.stream, includeUsage: asked.stream_options?.include_usage === true });
};

export interface Failure {
  message?: string;
  type?: string;
  code?: string | null;
  param?: string | null;
}

/** The `error` envelope. */
export function failureBody(failure: Failure = {}): JsonObject {
  return {
    error: {
      message: failure.message ?? "The server had an error while processing your request.",
      type: failure.type ?? "server_error",
      param: failure.param ?? null,
      code: failure.code ?? null,
    },
  };
}

/** An answer whose status is an error. */
export function failure(status: number, details: Failure = {}, options: BodyOptions = {}): Script {
  return json(status, failureBody(details), options);
}

/** An error in mid-stream: the event that OpenAI sends, followed by `[DONE]` as OpenAI does. */
export function failureFrames(details: Failure = {}): string[] {
  return [frameText({ data: failureBody(details) }), "data: [DONE]\n\n"];
}

function choicesOf(answer: Answer): Choice[] {
  return answer.choices ?? [answer];
}

function finishOf(choice: Choice): string {
  return choice.finish ?? (choice.toolCalls?.length ? "tool_calls" : "stop");
}

function message(answer: Answer, choice: Choice): JsonObject {
  return {
    role: "assistant",
    content: choice.text === undefined ? null : whole(choice.text),
    ...(answer.reasoning === undefined ? {} : { reasoning_content: whole(answer.reasoning) }),
    ...(choice.toolCalls === undefined
      ? {}
      : {
          tool_calls: choice.toolCalls.map((call) => ({
            id: call.id,
            type: "function",
            function: { name: call.name, arguments: whole(call.arguments) },
          })),
        }),
    refusal: choice.refusal === undefined ? null : whole(choice.refusal),
    annotations: [],
  };
}

/** The choice objects of one choice's chunks, in order. */
function choiceDeltas(answer: Answer, choice: Choice, index: number): JsonObject[] {
  const deltas: JsonObject[] = [];
  const add = (delta: JsonObject, finish: string | null = null) =>
    deltas.push({
      index,
      delta,
      logprobs: deltas.length === 1 ? (choice.logprobs ?? null) : null,
      finish_reason: finish,
    });
  add({ role: "assistant", content: choice.toolCalls && choice.text === undefined ? null : "", refusal: null });
  for (const piece of words(answer.reasoning ?? [])) add({ reasoning_content: piece });
  for (const piece of words(choice.text ?? [])) add({ content: piece });
  for (const piece of words(choice.refusal ?? [])) add({ refusal: piece });
  for (const [position, call] of (choice.toolCalls ?? []).entries()) {
    const opened = { index: position, id: call.id, type: "function", function: { name: call.name, arguments: "" } };
    add({ tool_calls: [opened] });
    for (const piece of fragments(call.arguments)) {
      add({ tool_calls: [{ index: position, function: { arguments: piece } }] });
    }
  }
  add({}, finishOf(choice));
  return deltas;
}

function usage(counted: AnswerUsage): JsonObject {
  return {
    prompt_tokens: counted.input,
    completion_tokens: counted.output,
    total_tokens: counted.input + counted.output,
    prompt_tokens_details: { cached_tokens: counted.cacheRead ?? 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: counted.reasoning ?? 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

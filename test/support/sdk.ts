/**
 * The official clients of OpenAI and Anthropic in front of a gateway in front of an emulated
 * provider. What left the gateway is judged by the bytes that the provider received, what
 * arrived by what the client made of it.
 */
import { expect } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import type { JsonObject } from "../../src/kernel/json.ts";
import { type App, type AppOptions, startApp } from "./app.ts";
import { modelAt } from "./models.ts";
import { type DialectName, PROVIDERS, Scene } from "./scene.ts";
import type { Answer } from "./upstream/answer.ts";
import { startUpstream } from "./upstream.ts";

export type ChatBody = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "model" | "stream">;
export type MessagesBody = Omit<Anthropic.MessageCreateParamsNonStreaming, "model" | "stream">;

/** The same question in both dialects. */
export interface Question {
  openai: ChatBody;
  anthropic: MessagesBody;
}

export interface Road {
  front: DialectName;
  provider: DialectName;
  stream: boolean;
}

/** Tokens in one meaning: `input` and `output` hold everything, the others are parts of them. */
export interface Tokens {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
}

/** What a client read, in no dialect but for the words of `finish`. */
export interface Heard {
  id: string;
  model: string;
  text: string;
  reasoning: string;
  refusal: string;
  calls: { id: string; name: string; arguments: unknown }[];
  finish: string | null;
  stopSequence: string | null;
  tokens: Tokens;
}

/** The catalog's model at the provider of each dialect. */
export const MODEL_AT = { openai: "gpt", anthropic: "claude" } as const;

/** The providers' own names of these models. */
export const TARGET = { openai: "gpt-4.1", anthropic: "claude-sonnet-4-5" } as const;

const CATALOG = [
  modelAt("gpt", "oai", TARGET.openai),
  modelAt("thinker", "oai", "o4-mini"),
  modelAt("claude", "ant", TARGET.anthropic),
  modelAt("opus", "ant", "claude-opus-5-5"),
  // One without structured outputs of its own.
  modelAt("haiku", "ant", "claude-3-5-haiku-latest"),
  // A server of OpenAI's dialect of which nothing is known, and one that takes thoughts back.
  modelAt("small", "up", "small-2026"),
  modelAt("deep", "deepseek", "deepseek-v4-pro"),
  modelAt("demo", "demo", "demo"),
];

/** What became of one call in the words of a dialect. */
export interface Outcome {
  status: number;
  /** The body that left, or null where nothing did. */
  sent: JsonObject | null;
  warnings: string;
  code: string | null;
  error: { message: string; param?: string | null } | undefined;
}

export class SdkScene extends Scene {
  readonly clients: { openai: OpenAI; anthropic: Anthropic };

  static async begin(options: Omit<AppOptions, "upstream" | "models" | "providers"> = {}): Promise<SdkScene> {
    const up = await startUpstream();
    const app = await startApp({
      ...options,
      upstream: up.url,
      models: CATALOG,
      providers: [
        { name: "oai", kind: "openai", baseUrl: `${up.url}/v1` },
        { name: "deepseek", kind: "deepseek", baseUrl: `${up.url}/v1` },
      ],
    });
    return new SdkScene(app, up);
  }

  constructor(app: App, up: Scene["up"]) {
    super(app, up);
    this.clients = clientsOf(app);
  }

  /** Forgets the requests and records so far. */
  forget(): void {
    this.up.forget();
    this.news();
  }

  /** From now on every provider says this, in its own dialect, streamed or not. What came before is forgotten. */
  says(answer: Answer): void {
    this.forget();
    this.up.plan((request) => PROVIDERS[dialectOf(request.path)].replies(answer)(request));
  }

  /** One answer after the other; the last one stays. */
  saysInTurn(...answers: Answer[]): void {
    this.forget();
    let next = 0;
    this.up.plan((request) => {
      const answer = answers[Math.min(next++, answers.length - 1)]!;
      return PROVIDERS[dialectOf(request.path)].replies(answer)(request);
    });
  }

  /** Asks on one road, and gives what the client read. */
  async hear(road: Road, question: Question, model: string = MODEL_AT[road.provider]): Promise<Heard> {
    this.forget();
    return road.front === "openai"
      ? heardChat(...(await this.chat({ ...question.openai, model }, road.stream)))
      : heardMessage(await this.message({ ...question.anthropic, model }, road.stream));
  }

  /** One unary call without a client, for bodies that no client would write. */
  async ask(front: DialectName, body: JsonObject, headers: Record<string, string> = {}): Promise<Outcome> {
    this.says({ text: '{"ok":true}' });
    const response = await this.call(front, body, { headers });
    const answer = (await response.json()) as { error?: Outcome["error"] };
    const record = await this.record();
    const header = response.headers.get("x-sallyport-warnings") ?? "";
    // The caller is told what the record keeps.
    for (const warning of record.warnings) expect(header).toContain(warning.split(":")[0]!);
    return {
      status: response.status,
      sent: this.up.requests.length === 0 ? null : this.sent(),
      warnings: record.warnings.join("\n"),
      code: record.errorCode,
      error: answer.error,
    };
  }

  /** What left the gateway, or will have left when the provider's answer came. */
  sent(index = 0): JsonObject {
    const request = this.up.requests[index];
    if (request === undefined) throw new Error(`only ${this.up.requests.length} requests have left the gateway`);
    return request.json() as JsonObject;
  }

  async chat(
    body: OpenAI.ChatCompletionCreateParamsNonStreaming,
    stream: boolean,
  ): Promise<[OpenAI.ChatCompletion, OpenAI.ChatCompletionChunk[]]> {
    const { completions } = this.clients.openai.chat;
    if (!stream) return [await completions.create(body), []];
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const asked = completions.stream({ ...body, stream: true, stream_options: { include_usage: true } });
    asked.on("chunk", (chunk) => chunks.push(chunk));
    return [await asked.finalChatCompletion(), chunks];
  }

  async message(body: Anthropic.MessageCreateParamsNonStreaming, stream: boolean): Promise<Anthropic.Message> {
    const { messages } = this.clients.anthropic;
    return stream ? await messages.stream(body).finalMessage() : await messages.create(body);
  }
}

/** Both clients with the gateway's key, without retries of their own unless told otherwise. */
export function clientsOf(app: Pick<App, "url" | "key">, maxRetries = 0): { openai: OpenAI; anthropic: Anthropic } {
  return {
    openai: new OpenAI({ apiKey: app.key, baseURL: `${app.url}/v1`, maxRetries }),
    anthropic: new Anthropic({ apiKey: app.key, baseURL: app.url, maxRetries }),
  };
}

function dialectOf(path: string): DialectName {
  return path.endsWith("/messages") ? "anthropic" : "openai";
}

/** What every request carries beside the question: the target's name, and how it is streamed. */
export function envelope({ provider, stream }: Road): JsonObject {
  if (provider === "anthropic") return { model: TARGET.anthropic, ...(stream ? { stream } : {}) };
  return { model: TARGET.openai, ...(stream ? { stream, stream_options: { include_usage: true } } : {}) };
}

/** The bound that the caller set, or the model's own where the provider demands one. */
export const bound = ({ front, provider }: Road, set = 100): JsonObject =>
  front === "anthropic" ? { max_tokens: set } : provider === "anthropic" ? { max_tokens: 64_000 } : {};

/** What the client put together, and from the chunks what it does not put together: thoughts. */
export function heardChat(completion: OpenAI.ChatCompletion, chunks: OpenAI.ChatCompletionChunk[] = []): Heard {
  const choice = completion.choices[0]!;
  const { message } = choice;
  const thoughts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => thoughtOf(delta)));
  return {
    id: completion.id,
    model: completion.model,
    text: message.content ?? "",
    reasoning: chunks.length > 0 ? thoughts.join("") : thoughtOf(message),
    refusal: message.refusal ?? "",
    calls: (message.tool_calls ?? []).map((call) => {
      if (call.type !== "function") throw new Error(`a call of type ${call.type}`);
      return { id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) as unknown };
    }),
    finish: choice.finish_reason,
    stopSequence: null,
    tokens: chatTokens(completion.usage),
  };
}

/** DeepSeek's field, which OpenAI's client does not know and keeps. */
function thoughtOf(said: object): string {
  return (said as { reasoning_content?: string | null }).reasoning_content ?? "";
}

export function chatTokens(usage: OpenAI.CompletionUsage | null | undefined): Tokens {
  if (usage === undefined || usage === null) throw new Error("no usage was told");
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  const details = usage.prompt_tokens_details as { cached_tokens?: number; cache_write_tokens?: number } | undefined;
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cacheRead: details?.cached_tokens ?? 0,
    cacheWrite: details?.cache_write_tokens ?? 0,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

export function heardMessage(message: Anthropic.Message): Heard {
  expect([message.type, message.role]).toEqual(["message", "assistant"]);
  const blocks = message.content;
  const texts = blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  const refused = message.stop_reason === "refusal";
  return {
    id: message.id,
    model: message.model,
    text: refused ? "" : texts,
    reasoning: blocks.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    // Anthropic has no place of its own for a refusal: the text says it, and the reason names it.
    refusal: refused ? texts : "",
    calls: blocks.flatMap((block) =>
      block.type === "tool_use" ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
    ),
    finish: message.stop_reason,
    stopSequence: message.stop_sequence,
    tokens: messageTokens(message.usage),
  };
}

/** Anthropic counts what its cache gave and took outside `input_tokens`. */
export function messageTokens(usage: Anthropic.Usage): Tokens {
  const cacheRead = usage.cache_read_input_tokens ?? 0;
  const cacheWrite = usage.cache_creation_input_tokens ?? 0;
  return {
    input: usage.input_tokens + cacheRead + cacheWrite,
    output: usage.output_tokens,
    cacheRead,
    cacheWrite,
    reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
  };
}

/** What a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (thrown) {
    return thrown;
  }
  throw new Error("it was not rejected");
}

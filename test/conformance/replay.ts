import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { ADAPTERS } from "../../src/providers/adapters.ts";
import type { AccountOptions } from "../../src/spec/adapter.ts";
import { type Exchange, framesOf, recordedExchanges } from "../support/recordings.ts";
import { type AwsMessage, encodeAwsMessages } from "../support/upstream/aws-event-stream.ts";

/** Every recorded API that an adapter here reads. */
export const APIS = [
  "openai.chat",
  "openai.responses",
  "anthropic.messages",
  "anthropic.vertex",
  "gemini.generateContent",
  "bedrock.converse",
  "bedrock.invoke",
  "cohere.chat_v2",
  "ollama.chat",
  "dashscope.native",
] as const;

export type Api = (typeof APIS)[number];

/** An account of the gateway's, at the replay. */
export interface ReplayAccount {
  name: string;
  kind: string;
  options: AccountOptions;
  /** How the names of models begin that are asked by the recorded API. */
  model: string;
}

/** An exchange that can be played to a gateway. */
export interface Played {
  exchange: Exchange;
  account: ReplayAccount;
  stream: boolean;
  contentType: string;
  bytes: Uint8Array;
  /** The answer in a form that the recordings' digest reads. */
  judged: { api: string; response: Exchange["response"] };
}

const CLAUDE_ON_VERTEX = { project: "some-project", location: "global" };

/** The account of a recording: of its provider where there is an adapter for it, of a lookalike otherwise. */
export function accountOf({ api, provider }: Exchange): ReplayAccount {
  const account = (kind: string, options: AccountOptions = {}, model = "m"): ReplayAccount => {
    return { name: `${kind}-${api.replaceAll(/[._]/g, "-")}`, kind, options, model };
  };
  switch (api as Api) {
    case "openai.responses":
      return account("openai", { api: "responses" });
    case "anthropic.messages":
      return account("anthropic");
    case "anthropic.vertex":
      return account("vertex", CLAUDE_ON_VERTEX, "claude-x");
    case "gemini.generateContent":
      return provider === "vertex" ? account("vertex", CLAUDE_ON_VERTEX, "gemini-x") : account("google");
    case "bedrock.converse":
      return account("bedrock", { region: "us-east-1" });
    case "bedrock.invoke":
      return account("bedrock", { region: "us-east-1", claude: "invoke" }, "anthropic.claude-x");
    case "cohere.chat_v2":
      return account("cohere");
    case "ollama.chat":
      return account("ollama");
    case "dashscope.native":
      return account("dashscope-native");
    case "openai.chat":
      return accountOfChat(chatKindOf(provider), account);
  }
}

/** Asked by Chat Completions for callers of Responses too, where its provider would be asked in their own API. */
function accountOfChat(kind: string, account: (kind: string, options?: AccountOptions) => ReplayAccount) {
  const choosable = ADAPTERS.find((adapter) => adapter.kind === kind)?.options?.api !== undefined;
  return account(kind, choosable ? { api: "chat" } : {});
}

function chatKindOf(provider: string): string {
  if (provider === "azure") return "azure-openai";
  const known = ADAPTERS.find(({ kind, dialect }) => dialect === "openai-chat" && kind === provider);
  return known?.kind ?? "openai-compatible";
}

/** Its own name for a lookalike's, its API for everything else. */
export const rowOfExchange = (exchange: Exchange): string =>
  exchange.api === "openai.chat" ? `${exchange.api} (${accountOf(exchange).kind})` : exchange.api;

export const rowOf = ({ exchange }: Played): string => rowOfExchange(exchange);

/** Every recorded answer or refusal of these APIs, ready to be played. */
export function playedExchanges(apis: readonly string[] = APIS): Played[] {
  return recordedExchanges(apis).flatMap((exchange) => {
    const { response, request, api } = exchange;
    // Counting is another endpoint; and models by invoke that are not Claude have dialects of their own.
    if (request?.url.endsWith("/input_tokens")) return [];
    if (api === "bedrock.invoke" && !isMessages(exchange)) return [];
    if (response.text === undefined && response.eventstream === undefined && (response.json ?? null) === null) {
      return [];
    }
    return [played(exchange)];
  });
}

function played(exchange: Exchange): Played {
  const { response } = exchange;
  const stream = response.status === 200 && (response.text !== undefined || response.eventstream !== undefined);
  const bytes =
    response.eventstream !== undefined
      ? bytesOf(response.eventstream)
      : new TextEncoder().encode(response.text ?? JSON.stringify(response.json));
  return {
    exchange,
    account: accountOf(exchange),
    stream,
    contentType: typeOf(exchange),
    bytes,
    judged: judged(exchange),
  };
}

/** As it was recorded, wrong or masked as it may be; where it was not, as the recordings' own replay has it. */
function typeOf({ response }: Exchange): string {
  const named = Object.entries(response.headers ?? {}).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  if (named !== undefined) return named;
  if (response.eventstream !== undefined) return "application/vnd.amazon.eventstream";
  return response.text === undefined ? "application/json" : "text/event-stream";
}

/** Bytes of a recorded stream, as Bedrock sent them. */
function bytesOf(frames: NonNullable<Exchange["response"]["eventstream"]>): Uint8Array {
  return encodeAwsMessages(
    frames.map(({ headers, payload }): AwsMessage => {
      const inner = (payload as { bytes_decoded?: unknown } | null)?.bytes_decoded;
      const sent = inner === undefined ? payload : { bytes: Buffer.from(JSON.stringify(inner)).toString("base64") };
      return { headers, payload: typeof sent === "string" ? sent : JSON.stringify(sent) };
    }),
  );
}

/** Whether Claude answered in Messages, not in Anthropic's older API of texts. */
function isMessages({ response }: Exchange): boolean {
  if (response.eventstream === undefined) return response.status !== 200 || response.json?.type === "message";
  const first = response.eventstream[0]?.payload as { bytes_decoded?: { type?: string } } | undefined;
  return first?.bytes_decoded?.type === "message_start";
}

/** Two APIs that the digest does not read are another dialect in an envelope: without it, it does. */
function judged({ api, response }: Exchange): Played["judged"] {
  if (api === "bedrock.invoke") {
    if (response.eventstream === undefined) return { api: "anthropic.messages", response };
    const events = response.eventstream.map(({ payload }) => (payload as { bytes_decoded?: Json }).bytes_decoded ?? {});
    return { api: "anthropic.messages", response: { ...response, text: sse(events) } };
  }
  if (api === "dashscope.native" && response.status === 200) {
    const { text, json, ...rest } = response;
    if (text === undefined) return { api: "openai.chat", response: { ...rest, json: chatOfDashscope(json!) } };
    const events = framesOf(text).map(({ data }) => chatOfDashscope(JSON.parse(data) as JsonObject));
    return { api: "openai.chat", response: { ...rest, text: sse(events) } };
  }
  return { api, response };
}

const sse = (events: readonly Json[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");

function chatOfDashscope({ output, usage }: JsonObject): JsonObject {
  const counts = usage as JsonObject;
  const choices = ((output as JsonObject).choices as JsonObject[]).map(({ finish_reason, ...choice }) =>
    finish_reason === "null" ? choice : { ...choice, finish_reason: finish_reason! },
  );
  const details = counts.prompt_tokens_details ?? null;
  const told = { prompt_tokens: counts.input_tokens!, completion_tokens: counts.output_tokens! };
  return { choices, usage: { ...told, prompt_tokens_details: details } };
}

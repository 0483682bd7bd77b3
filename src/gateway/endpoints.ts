import type { Wire } from "../spec/wire.ts";
import { anthropicCount } from "../wire/anthropic-messages/count.ts";
import { anthropicMessages } from "../wire/anthropic-messages/index.ts";
import { geminiCount } from "../wire/gemini/count.ts";
import { geminiBatchEmbed, geminiEmbed } from "../wire/gemini/embed.ts";
import { gemini, geminiStream } from "../wire/gemini/index.ts";
import { ollamaEmbed } from "../wire/ollama/embed.ts";
import { ollamaChat, ollamaGenerate } from "../wire/ollama/index.ts";
import { azureChat } from "../wire/openai-chat/azure.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { azureCompletions, openaiCompletions } from "../wire/openai-completions/index.ts";
import { azureEmbeddings, openaiEmbeddings } from "../wire/openai-embeddings/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import {
  audioTranslation,
  cohereRerank,
  imageEdit,
  imageGeneration,
  imageVariation,
  moderation,
  rerank,
  speech,
  transcription,
} from "../wire/relayed/index.ts";

/** What a path is for. `call`: a model call, on the road. `models`: what the key may use, a list or one of them. */
export type EndpointKind = "call" | "models";

/** One thing that callers may ask of the gateway listener. */
export interface Endpoint {
  /** Its name in records, logs and metrics. */
  name: string;
  method: "GET" | "POST";
  /** `{name}` stands for any text of at least one character. */
  path: string;
  kind: EndpointKind;
  /** The dialect of its answers and errors. */
  wire: Wire;
}

export const ENDPOINTS: readonly Endpoint[] = [
  row("chat.completions", "POST", "/v1/chat/completions", "call", openaiChat),
  row("responses", "POST", "/v1/responses", "call", openaiResponses),
  row("completions", "POST", "/v1/completions", "call", openaiCompletions),
  row("completions", "POST", "/openai/v1/completions", "call", openaiCompletions),
  row("embeddings", "POST", "/v1/embeddings", "call", openaiEmbeddings),
  row("embeddings", "POST", "/openai/deployments/{deployment}/embeddings", "call", azureEmbeddings),
  row("embeddings", "POST", "/openai/v1/embeddings", "call", openaiEmbeddings),
  row("embeddings", "POST", "/v1beta/models/{model}:embedContent", "call", geminiEmbed),
  row("embeddings", "POST", "/v1beta/models/{model}:batchEmbedContents", "call", geminiBatchEmbed),
  row("embeddings", "POST", "/v1/models/{model}:embedContent", "call", geminiEmbed),
  row("embeddings", "POST", "/v1/models/{model}:batchEmbedContents", "call", geminiBatchEmbed),
  row("embeddings", "POST", "/api/embed", "call", ollamaEmbed),
  row("chat.completions", "POST", "/openai/deployments/{deployment}/chat/completions", "call", azureChat),
  // After the one above, whose path would fit it too: a name may have slashes.
  row("completions", "POST", "/openai/deployments/{deployment}/completions", "call", azureCompletions),
  row("chat.completions", "POST", "/openai/v1/chat/completions", "call", openaiChat),
  row("responses", "POST", "/openai/v1/responses", "call", openaiResponses),
  row("responses", "POST", "/openai/responses", "call", openaiResponses),
  row("models", "GET", "/openai/v1/models", "models", openaiChat),
  row("models", "GET", "/openai/models", "models", openaiChat),
  row("messages", "POST", "/v1/messages", "call", anthropicMessages),
  ...atOpenai("images.generations", "/images/generations", imageGeneration),
  ...atOpenai("images.edits", "/images/edits", imageEdit),
  ...atOpenai("images.variations", "/images/variations", imageVariation),
  ...atOpenai("audio.speech", "/audio/speech", speech),
  ...atOpenai("audio.transcriptions", "/audio/transcriptions", transcription),
  ...atOpenai("audio.translations", "/audio/translations", audioTranslation),
  row("moderations", "POST", "/v1/moderations", "call", moderation),
  row("rerank", "POST", "/v1/rerank", "call", rerank),
  row("rerank", "POST", "/v2/rerank", "call", cohereRerank),
  row("count-tokens", "POST", "/v1/messages/count_tokens", "call", anthropicCount),
  row("count-tokens", "POST", "/v1beta/models/{model}:countTokens", "call", geminiCount),
  row("count-tokens", "POST", "/v1/models/{model}:countTokens", "call", geminiCount),
  row("gemini.generate", "POST", "/v1beta/models/{model}:generateContent", "call", gemini),
  row("gemini.stream", "POST", "/v1beta/models/{model}:streamGenerateContent", "call", geminiStream),
  row("gemini.generate", "POST", "/v1/models/{model}:generateContent", "call", gemini),
  row("gemini.stream", "POST", "/v1/models/{model}:streamGenerateContent", "call", geminiStream),
  row("models", "GET", "/v1beta/models", "models", gemini),
  row("models", "GET", "/v1beta/models/{model}", "models", gemini),
  row("models", "GET", "/v1/models", "models", openaiChat),
  row("models", "GET", "/v1/models/{model}", "models", openaiChat),
  row("ollama.chat", "POST", "/api/chat", "call", ollamaChat),
  row("ollama.generate", "POST", "/api/generate", "call", ollamaGenerate),
  row("models", "GET", "/api/tags", "models", ollamaChat),
];

function row(name: string, method: Endpoint["method"], path: string, kind: EndpointKind, wire: Wire): Endpoint {
  return { name, method, path, kind, wire };
}

/** What OpenAI's clients and Azure's ask for, each at its own path. */
function atOpenai(name: string, path: string, wire: Wire): Endpoint[] {
  return ["/v1", "/openai/v1", "/openai/deployments/{deployment}"].map((base) =>
    row(name, "POST", base + path, "call", wire),
  );
}

/** The dialect in which a path that leads nowhere is answered; the first prefix counts. */
const FAMILIES: readonly (readonly [prefix: string, wire: Wire])[] = [
  ["/v1/messages", anthropicMessages],
  ["/v1/responses", openaiResponses],
  ["/openai/v1/responses", openaiResponses],
  ["/openai/responses", openaiResponses],
  ["/v1beta/", gemini],
  ["/api/", ollamaChat],
  ["/", openaiChat],
];

/** Where a request goes: its endpoint, the API that the path names, and what stands in the places of the endpoint's path. */
export interface Match {
  endpoint: Endpoint;
  /** `slug/version` where the path began with `/apis/{slug}/{version}`. */
  api: string | null;
  /** By the names in the endpoint's path, decoded. */
  params: Readonly<Record<string, string>>;
}

export type Unmatched = { problem: "not_found" | "method_not_allowed"; wire: Wire; allow: string };

const isPattern = ({ path }: Endpoint) => path.includes("{");
const byPath = new Map(ENDPOINTS.filter((row) => !isPattern(row)).map((endpoint) => [endpoint.path, endpoint]));
const patterns = ENDPOINTS.filter(isPattern).map((endpoint) => {
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const source = endpoint.path.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "(.+)");
  return { endpoint, names, pattern: new RegExp(`^${source}$`) };
});
const API_PREFIX = /^\/apis\/([^/]+)\/([^/]+)(\/.*)$/;
const NO_PARAMS = {};

/**
 * Finds the row for a request. `speaksAnthropic` is whether it shows Anthropic's version
 * header: their SDK asks for `/v1/models` under the same path as OpenAI's.
 */
export function matchEndpoint(method: string, fullPath: string, speaksAnthropic: boolean): Match | Unmatched {
  let path = fullPath;
  let api: string | null = null;
  const prefixed = path.startsWith("/apis/") ? API_PREFIX.exec(path) : null;
  if (prefixed !== null) {
    api = `${prefixed[1]}/${prefixed[2]}`;
    path = prefixed[3]!;
  }
  const found = find(path);
  if (found === undefined) {
    const wire = speaksAnthropic ? anthropicMessages : FAMILIES.find(([prefix]) => path.startsWith(prefix))![1];
    return { problem: "not_found", wire, allow: "" };
  }
  const { params } = found;
  const endpoint =
    found.endpoint.kind === "models" && found.endpoint.wire === openaiChat && speaksAnthropic
      ? { ...found.endpoint, wire: anthropicMessages }
      : found.endpoint;
  if (endpoint.method !== method) return { problem: "method_not_allowed", wire: endpoint.wire, allow: endpoint.method };
  return { endpoint, api, params };
}

function find(path: string): Pick<Match, "endpoint" | "params"> | undefined {
  const exact = byPath.get(path);
  if (exact !== undefined) return { endpoint: exact, params: NO_PARAMS };
  for (const { endpoint, names, pattern } of patterns) {
    const values = pattern.exec(path);
    if (values === null) continue;
    const params: Record<string, string> = {};
    for (const [i, name] of names.entries()) {
      const value = decoded(values[i + 1]!);
      if (value === undefined) return undefined;
      params[name] = value;
    }
    return { endpoint, params };
  }
  return undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

import type { Wire } from "../spec/wire.ts";
import {
  messageBatchCancel,
  messageBatchCreate,
  messageBatchDelete,
  messageBatchResults,
  messageBatchRetrieve,
} from "../wire/anthropic-batches/index.ts";
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
import {
  batchCancel,
  batchCreate,
  batchRetrieve,
  fileContent,
  fileCreate,
  fileDelete,
  fileRetrieve,
  objectList,
} from "../wire/openai-files/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import { responseCancel, responseDelete, responseItems, responseRetrieve } from "../wire/openai-responses/stored.ts";
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

/**
 * What a path is for. `call`: a model call, on the road. `models`: what the key may use, a list or one of
 * them. `files`, `batches`, `message-batches`: those of the caller's application.
 */
export type EndpointKind = "call" | "models" | "files" | "batches" | "message-batches";

/** One thing that callers may ask of the gateway listener. */
export interface Endpoint {
  /** Its name in records, logs and metrics. */
  name: string;
  method: "GET" | "POST" | "DELETE";
  /** `{name}` stands for any text of at least one character, `{id}` for one without a slash. */
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
  ...keptObjects("/v1"),
  ...keptObjects("/openai/v1"),
  ...keptObjects("/openai"),
  row("models", "GET", "/openai/v1/models", "models", openaiChat),
  row("models", "GET", "/openai/models", "models", openaiChat),
  row("messages", "POST", "/v1/messages", "call", anthropicMessages),
  row("batches.create", "POST", "/v1/messages/batches", "call", messageBatchCreate),
  row("batches.list", "GET", "/v1/messages/batches", "message-batches", messageBatchRetrieve),
  row("batches.cancel", "POST", "/v1/messages/batches/{id}/cancel", "call", messageBatchCancel),
  row("batches.results", "GET", "/v1/messages/batches/{id}/results", "call", messageBatchResults),
  row("batches.retrieve", "GET", "/v1/messages/batches/{id}", "call", messageBatchRetrieve),
  row("batches.delete", "DELETE", "/v1/messages/batches/{id}", "call", messageBatchDelete),
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

/** OpenAI's clients find them under `/v1`, Azure's under one of the other two. */
function keptObjects(base: string): Endpoint[] {
  return [
    row("files.create", "POST", `${base}/files`, "call", fileCreate),
    row("files.list", "GET", `${base}/files`, "files", objectList),
    row("files.content", "GET", `${base}/files/{id}/content`, "call", fileContent),
    row("files.retrieve", "GET", `${base}/files/{id}`, "call", fileRetrieve),
    row("files.delete", "DELETE", `${base}/files/{id}`, "call", fileDelete),
    row("batches.create", "POST", `${base}/batches`, "call", batchCreate),
    row("batches.list", "GET", `${base}/batches`, "batches", objectList),
    row("batches.cancel", "POST", `${base}/batches/{id}/cancel`, "call", batchCancel),
    row("batches.retrieve", "GET", `${base}/batches/{id}`, "call", batchRetrieve),
    row("responses.retrieve", "GET", `${base}/responses/{id}`, "call", responseRetrieve),
    row("responses.delete", "DELETE", `${base}/responses/{id}`, "call", responseDelete),
    row("responses.cancel", "POST", `${base}/responses/{id}/cancel`, "call", responseCancel),
    row("responses.items", "GET", `${base}/responses/{id}/input_items`, "call", responseItems),
  ];
}

/** The dialect in which a path that leads nowhere is answered; the first prefix counts. */
const FAMILIES: readonly (readonly [prefix: string, wire: Wire])[] = [
  ["/v1/messages", anthropicMessages],
  ["/v1/responses", openaiResponses],
  ["/openai/v1/responses", openaiResponses],
  ["/openai/responses", openaiResponses],
  ["/v1beta/", gemini],
  ["/api/", ollamaChat],
  // What CONNECT asks for is no path, and begins with nothing that paths begin with.
  ["", openaiChat],
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
const byPath = Map.groupBy(
  ENDPOINTS.filter((row) => !isPattern(row)),
  ({ path }) => path,
);
const patterns = ENDPOINTS.filter(isPattern).map((endpoint) => {
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const source = endpoint.path
    .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replace("{id}", "([^/]+)")
    .replace(/\{\w+\}/g, "(.+)");
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
  const found = find(path, method);
  if (found === undefined) {
    const wire = speaksAnthropic ? anthropicMessages : FAMILIES.find(([prefix]) => path.startsWith(prefix))![1];
    return { problem: "not_found", wire, allow: "" };
  }
  // Anthropic's files and theirs share paths, and nothing else.
  if (speaksAnthropic && found.endpoint.wire.dialect === "openai-files") {
    return { problem: "not_found", wire: anthropicMessages, allow: "" };
  }
  const { params } = found;
  const endpoint =
    found.endpoint.kind === "models" && found.endpoint.wire === openaiChat && speaksAnthropic
      ? { ...found.endpoint, wire: anthropicMessages }
      : found.endpoint;
  if ("allow" in found) return { problem: "method_not_allowed", wire: endpoint.wire, allow: found.allow };
  return { endpoint, api, params };
}

type Found = Pick<Match, "endpoint" | "params"> | (Pick<Match, "endpoint" | "params"> & { allow: string });

/** The first row of this path and method; where there is the path only, what methods it takes. */
function find(path: string, method: string): Found | undefined {
  const exact = byPath.get(path);
  if (exact !== undefined) return choose(exact, method, NO_PARAMS);
  let other: { rows: Endpoint[]; params: Match["params"] } | undefined;
  for (const { endpoint, names, pattern } of patterns) {
    if (other !== undefined && endpoint.path !== other.rows[0]!.path) continue;
    const values = pattern.exec(path);
    if (values === null) continue;
    const params: Record<string, string> = {};
    for (const [i, name] of names.entries()) {
      const value = decoded(values[i + 1]!);
      if (value === undefined) return undefined;
      params[name] = value;
    }
    if (endpoint.method === method) return { endpoint, params };
    other = { rows: [...(other?.rows ?? []), endpoint], params };
  }
  return other === undefined ? undefined : choose(other.rows, method, other.params);
}

function choose(rows: readonly Endpoint[], method: string, params: Match["params"]): Found {
  const endpoint = rows.find((row) => row.method === method);
  if (endpoint !== undefined) return { endpoint, params };
  return { endpoint: rows[0]!, params, allow: rows.map((row) => row.method).join(", ") };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

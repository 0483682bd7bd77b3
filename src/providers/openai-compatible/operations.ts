import type { OperationApi, ProviderAdapter } from "../../spec/adapter.ts";
import type { OperationName } from "../../spec/operation.ts";
import { completionsApi } from "../openai/operations/completions.ts";
import { embeddingsApi } from "../openai/operations/embeddings.ts";

const APIS: Readonly<Partial<Record<OperationName, OperationApi>>> = {
  embed: embeddingsApi,
  complete: completionsApi,
};

/**
 * What OpenAI's lookalikes do beside conversations, from each provider's API reference. A kind that
 * is not here may do anything: the server itself says what it does not know.
 */
const DONE_BY: Readonly<Record<string, readonly OperationName[]>> = {
  groq: ["audio.speech", "audio.transcribe", "audio.translate"],
  together: ["embed", "complete", "rerank", "images.generate", "audio.speech", "audio.transcribe", "audio.translate"],
  deepseek: [],
  dashscope: ["embed"],
  openrouter: ["embed", "complete"],
  mistral: ["embed", "moderate", "audio.transcribe"],
  "ollama-compatible": ["embed", "complete"],
  vllm: ["embed", "complete", "rerank", "audio.transcribe", "audio.translate"],
  llamacpp: ["embed", "complete", "rerank"],
  lmstudio: ["embed", "complete"],
  fireworks: ["embed", "complete", "rerank"],
  xai: ["complete", "images.generate"],
  perplexity: [],
  cerebras: ["complete"],
  moonshot: [],
  zai: ["embed", "images.generate"],
  "nvidia-nim": ["embed", "complete"],
  sambanova: ["embed", "audio.transcribe"],
  huggingface: [],
  deepinfra: ["embed", "complete"],
};

export function operationsOf(kind: string): NonNullable<ProviderAdapter["operations"]> {
  const names = DONE_BY[kind];
  if (names === undefined) return APIS;
  return Object.fromEntries(names.flatMap((name) => (APIS[name] === undefined ? [] : [[name, APIS[name]]])));
}

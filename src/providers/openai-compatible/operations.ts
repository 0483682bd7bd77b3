import type { ProviderAdapter } from "../../spec/adapter.ts";
import { APIS_OF_OPENAI } from "../openai/operations/index.ts";
import { mistralEmbeddings } from "./mistral-embeddings.ts";

const FILES = ["files.create", "files.retrieve", "files.content", "files.delete"] as const;
const RESPONSES = ["responses.retrieve", "responses.delete"] as const;
const BATCHES = ["batches.create", "batches.retrieve", "batches.cancel"] as const;

/**
 * What OpenAI's lookalikes do beside conversations, from each provider's API reference. A kind that
 * is not here may do anything: the server itself says what it does not know.
 */
const DONE_BY: Readonly<Record<string, readonly (keyof typeof APIS_OF_OPENAI)[]>> = {
  groq: ["audio.speech", "audio.transcribe", "audio.translate", ...FILES, ...BATCHES],
  together: ["embed", "complete", "rerank", "images.generate", "audio.speech", "audio.transcribe", "audio.translate"],
  deepseek: [],
  dashscope: ["embed", ...FILES, ...BATCHES],
  openrouter: ["embed", "complete"],
  mistral: ["embed", "moderate", "audio.transcribe"],
  "ollama-compatible": ["embed", "complete"],
  vllm: ["embed", "complete", "rerank", "audio.transcribe", "audio.translate"],
  llamacpp: ["embed", "complete", "rerank"],
  lmstudio: ["embed", "complete"],
  fireworks: ["embed", "complete", "rerank", ...RESPONSES],
  xai: ["complete", "images.generate", ...RESPONSES],
  perplexity: [],
  cerebras: ["complete"],
  moonshot: [],
  zai: ["embed", "images.generate"],
  "nvidia-nim": ["embed", "complete"],
  sambanova: ["embed", "audio.transcribe"],
  huggingface: [],
  deepinfra: ["embed", "complete"],
};

/** What is asked in other words than OpenAI's. */
const OWN_WORDS: Readonly<Record<string, NonNullable<ProviderAdapter["operations"]>>> = {
  mistral: { embed: mistralEmbeddings },
};

export function operationsOf(kind: string): NonNullable<ProviderAdapter["operations"]> {
  const names = DONE_BY[kind];
  if (names === undefined) return APIS_OF_OPENAI;
  return { ...Object.fromEntries(names.map((name) => [name, APIS_OF_OPENAI[name]])), ...OWN_WORDS[kind] };
}

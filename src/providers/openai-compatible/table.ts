import type { Capabilities } from "../../spec/capability.ts";
// The one import between providers: a lookalike is OpenAI's adapter with other data.
import type { ChatServer } from "../openai/adapter.ts";
import { OPENAI_CAPABILITIES } from "../openai/index.ts";
import { OPENAI_QUIRKS, type Quirks } from "../openai/quirks.ts";
import { thoughtsUnder } from "../thinking-budget.ts";
import { AT_DEEPSEEK, AT_MOONSHOT, AT_NVIDIA, AT_OPENROUTER } from "./demanded-thoughts.ts";
import { operationsOf } from "./operations.ts";

/** A server of OpenAI's dialect, and where its account is usually found in the environment. */
export interface Lookalike extends ChatServer {
  /** The variable of its key; null where servers are run without one. */
  keyVariable: string | null;
  /** The variable of its address, where there is a usual one. */
  addressVariable?: string;
}

const named = (pattern: RegExp) => (model: string) => pattern.test(model);

/**
 * A server of which nothing is known but the dialect. What its caller wrote goes through; from
 * other dialects it is written in the plainest words, which every server takes.
 */
const UNKNOWN: Quirks = {
  ...OPENAI_QUIRKS,
  developer: false,
  maxTokens: "max_tokens",
  maxOutput: () => undefined,
  thinks: () => true,
  effortWords: false,
  thoughtsTaken: "any",
  thoughtsWritten: null,
  // Mistral's models have a format of their own, wherever they are served.
  answersResults: named(/mistral|mixtral|ministral|magistral|devstral|codestral/i),
  fixedSampling: () => false,
  refusals: "as-written",
  textLists: "as-written",
  strictSchemas: false,
  callIds: { allowed: /^/, length: 40 },
  media: "any",
  continues: "unknown",
  maxStops: 16,
  privacy: "none",
  responses: false,
  keepsResponses: false,
};

/** What a server run by oneself can depends on the model that it was given, so nothing is ruled out. */
const ANY: Capabilities = { ...OPENAI_CAPABILITIES, topK: true };
/** Hosts that look at images, but take neither documents nor sound. */
const HOSTED: Capabilities = { ...OPENAI_CAPABILITIES, documents: false, audioInput: false };
const TEXT_ONLY: Capabilities = { ...HOSTED, imageUrl: false, imageBytes: false };

/** Fields of answers that clients send back, of which servers with closed schemas know nothing. */
const OF_ANSWERS = ["annotations", "audio", "extra_content", "reasoning_content", "reasoning_details"];

/** Responses for whoever asks in that dialect, and for nobody else. */
const WHERE_ASKED = { own: () => true };
/** Of a server of one's own nobody knows whether it speaks Responses but its owner. */
const WHERE_TOLD = { own: () => false };

/**
 * OpenAI's lookalikes, one row each. Sources: each provider's API reference, the errors that its
 * users report, and recorded calls. A row says only what is known; the rest is as in `UNKNOWN`.
 * `models` lists what a fresh account publishes; empty where the choice is the owner's.
 */
export const LOOKALIKES: readonly Lookalike[] = [
  row("openai-compatible", null, null, {}, ANY),
  row(
    "groq",
    "https://api.groq.com/openai/v1",
    "GROQ_API_KEY",
    // Refuses reasoning_content, names of speakers and what else its messages have no place for; takes reasoning,
    // from models that think only.
    {
      thinks: named(/gpt-oss|qwen/),
      thoughtsTaken: ["reasoning"],
      continues: "unasked",
      refusals: "text",
      unknownFields: { body: [], messages: [...OF_ANSWERS, "name"] },
      maxStops: 4,
      responses: true,
    },
    { ...HOSTED, choices: false, logprobs: false, logitBias: false, penalties: false },
    ["llama-3.3-70b-versatile", "llama-3.1-8b-instant", "openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3-32b"],
  ),
  row("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", { thinks: named(/gpt-oss/), topK: true }, HOSTED, [
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
  ]),
  row(
    "deepseek",
    "https://api.deepseek.com/v1",
    "DEEPSEEK_API_KEY",
    // Refuses a list as content; wants the thoughts before a call back with its result. It thinks unless it is told not to.
    {
      reasoning: "thinking",
      thoughtsWritten: "reasoning_content",
      thoughtsAbsent: AT_DEEPSEEK,
      textLists: "never",
      // At its address for what is new (/beta) only; elsewhere it refuses the word.
      continues: "prefix",
      responses: true,
    },
    { ...TEXT_ONLY, parallelToolSwitch: false, choices: false, jsonSchema: false, seed: false, logitBias: false },
    ["deepseek-v4-pro", "deepseek-v4-flash", "deepseek-chat", "deepseek-reasoner"],
  ),
  row(
    "dashscope",
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "DASHSCOPE_API_KEY",
    {
      reasoning: "enable_thinking",
      thinks: named(/qwen3|qwq|qwen-(?:plus|turbo|flash|max)/),
      thoughtsOnTop: thoughtsUnder,
      topK: true,
      continues: "partial",
    },
    { ...HOSTED, audioInput: true, logitBias: false },
    ["qwen-max", "qwen-plus", "qwen-flash", "qwen-turbo"],
  ),
  row(
    "openrouter",
    "https://openrouter.ai/api/v1",
    "OPENROUTER_API_KEY",
    {
      developer: true,
      reasoning: "object",
      thoughtsWritten: "reasoning_details",
      thoughtsAbsent: AT_OPENROUTER,
      refusals: "field",
      topK: true,
      textLists: "always",
      // It asks OpenAI too.
      callIds: OPENAI_QUIRKS.callIds,
      // `models` is refused for all; a preset may name models too, and a route is a list of fallbacks. Who
      // hosts the model that was granted is no other model: `provider.only` and its like only narrow that.
      refused: ["preset", "route"],
      // It passes calls on, to those who promise as much.
      privacy: "routes",
      continues: "unasked",
      responses: true,
    },
    { ...ANY, documentUrl: true },
  ),
  row(
    "mistral",
    "https://api.mistral.ai/v1",
    "MISTRAL_API_KEY",
    // Refuses every field that it does not know; stream_options it takes, as recorded calls show.
    {
      refusals: "text",
      unknownFields: {
        body: ["user", "store", "verbosity", "safety_identifier", "prompt_cache_retention"],
        messages: [...OF_ANSWERS, "reasoning", "name"],
      },
      parametersDemanded: true,
      answersResults: () => true,
      maxTokens: "max_tokens-only",
      thinks: named(/mistral-(?:small|medium)/),
      effortNone: true,
      thoughtsTaken: ["content"],
      required: "any",
      seed: "random_seed",
      textLists: "always",
      callIds: { allowed: /^[a-zA-Z0-9]{9}$/, length: 9 },
      media: "mistral",
      continues: "prefix",
      echoes: true,
    },
    { ...ANY, documentUrl: true, logprobs: false, logitBias: false, topK: false },
    ["mistral-large-latest", "mistral-medium-latest", "mistral-small-latest", "ministral-8b-latest", "mistral-embed"],
  ),
  row(
    // Beside Ollama's own API, of the kind `ollama`, which takes more of its options.
    "ollama-compatible",
    "http://127.0.0.1:11434/v1",
    null,
    // Refuses the wish where the model cannot think.
    {
      thinks: named(/gpt-oss|qwen3|deepseek-(?:r1|v)|magistral|thinking|reason/),
      effortNone: true,
      thoughtsWritten: "reasoning",
      continues: "unasked",
      responses: true,
    },
    {
      ...ANY,
      // It leaves tool_choice out without a word.
      ...{ forcedTool: false, parallelToolSwitch: false, imageUrl: false, documents: false },
      ...{ choices: false, logitBias: false, topK: false },
    },
  ),
  row(
    "vllm",
    null,
    null,
    {
      thoughtsWritten: "reasoning",
      topK: true,
      textLists: "always",
      continues: "continue_final_message",
      responses: true,
    },
    { ...ANY, documents: false },
  ),
  // Has a Responses API that OpenAI's own client cannot stream from, and that refuses plain turns of the assistant.
  row(
    "llamacpp",
    null,
    null,
    { thoughtsWritten: "reasoning_content", topK: true, continues: "unasked" },
    { ...ANY, documents: false },
  ),
  row(
    "lmstudio",
    "http://127.0.0.1:1234/v1",
    null,
    { topK: true, responses: true, keepsResponses: true },
    // Refuses addresses of images and json_object; what else it lacks, it leaves out without a word.
    {
      ...HOSTED,
      ...{ parallelToolSwitch: false, imageUrl: false, jsonObject: false },
      ...{ logprobs: false, choices: false },
    },
  ),
  row("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", {
    topK: true,
    thoughtsWritten: "reasoning_content",
    responses: true,
    keepsResponses: true,
  }),
  row(
    "xai",
    "https://api.x.ai/v1",
    "XAI_API_KEY",
    // Other models refuse reasoning_effort, those that always think included.
    {
      thinks: named(/grok-3-mini|grok-4\.[3-9](?!\d)/),
      thoughtsWritten: "reasoning_content",
      developer: true,
      sourcesLast: true,
      responses: true,
      keepsResponses: true,
    },
    { ...HOSTED, logitBias: false },
    ["grok-4.6", "grok-4.5", "grok-4.3"],
  ),
  row(
    "perplexity",
    "https://api.perplexity.ai",
    "PERPLEXITY_API_KEY",
    // Its last message is the user's, or it refuses.
    { thinks: named(/reasoning|deep-research/), topK: true, media: "perplexity", continues: "never" },
    {
      ...HOSTED,
      ...{ documents: true, documentUrl: true },
      // Refuses json_object too: the form of the answer is text or a schema.
      ...{ tools: false, forcedTool: false, parallelToolSwitch: false, jsonObject: false },
      ...{ logprobs: false, choices: false, seed: false, logitBias: false },
    },
    ["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"],
  ),
  row(
    "cerebras",
    "https://api.cerebras.ai/v1",
    "CEREBRAS_API_KEY",
    // Refuses reasoning_content by name, and what it is said here to lack.
    {
      thinks: named(/gpt-oss/),
      thoughtsTaken: ["reasoning"],
      refusals: "text",
      unknownFields: { body: [], messages: OF_ANSWERS },
      maxStops: 4,
    },
    { ...TEXT_ONLY, parallelToolSwitch: false, choices: false, logitBias: false, penalties: false },
    ["gpt-oss-120b"],
  ),
  row(
    "moonshot",
    "https://api.moonshot.ai/v1",
    "MOONSHOT_API_KEY",
    // Wants the thoughts before a call back with its result. Models before K2.5 cannot be asked to think.
    {
      reasoning: "thinking",
      thinks: named(/kimi-k(?:2\.[5-9]|[3-9])/),
      thoughtsWritten: "reasoning_content",
      thoughtsAbsent: AT_MOONSHOT,
      continues: "partial",
    },
    { ...HOSTED, parallelToolSwitch: false, logprobs: false, seed: false, logitBias: false },
    ["kimi-k3", "kimi-k2.6", "kimi-k2.5"],
  ),
  row(
    "zai",
    "https://api.z.ai/api/paas/v4",
    "ZAI_API_KEY",
    {
      reasoning: "thinking",
      thinks: named(/glm-(?:4\.[5-9]|[5-9])/i),
      thoughtsWritten: "reasoning_content",
      maxStops: 1,
      media: "perplexity",
    },
    {
      ...HOSTED,
      ...{ documentUrl: true, parallelToolSwitch: false, jsonSchema: false, logprobs: false },
      ...{ choices: false, seed: false, logitBias: false, penalties: false },
    },
    ["glm-5.2", "glm-4.7", "glm-4.7-flash"],
  ),
  row(
    "nvidia-nim",
    "https://integrate.api.nvidia.com/v1",
    "NVIDIA_API_KEY",
    { reasoning: "none", thoughtsAbsent: AT_NVIDIA },
    { ...HOSTED, topK: true },
  ),
  row(
    "sambanova",
    "https://api.sambanova.ai/v1",
    "SAMBANOVA_API_KEY",
    { thinks: named(/gpt-oss/), topK: true },
    // Takes all of these, and does nothing with them.
    { ...HOSTED, logprobs: false, choices: false, seed: false, logitBias: false, penalties: false },
  ),
  row(
    "huggingface",
    "https://router.huggingface.co/v1",
    "HF_TOKEN",
    { reasoning: "none", responses: true },
    // It passes calls on, to hosts of many kinds.
    { ...ANY, documents: false },
  ),
  row(
    "deepinfra",
    "https://api.deepinfra.com/v1/openai",
    "DEEPINFRA_API_KEY",
    // Refuses the role developer (422). An effort is no harm to models that do not think.
    { effortNone: true, topK: true, maxStops: 4 },
    { ...HOSTED, logitBias: false },
  ),
];

function row(
  kind: string,
  baseUrl: string | null,
  keyVariable: string | null,
  quirks: Partial<Quirks>,
  capabilities: Capabilities = HOSTED,
  models: readonly string[] = [],
): Lookalike {
  const all = { ...UNKNOWN, ...quirks };
  return {
    kind,
    baseUrl,
    keyVariable,
    needsKey: keyVariable !== null,
    quirks: all,
    capabilities: { ...capabilities, topK: all.topK || capabilities.topK },
    ...(all.responses ? { responses: WHERE_ASKED } : baseUrl === null ? { responses: WHERE_TOLD } : {}),
    operations: operationsOf(kind),
    models,
  };
}

/**
 * What a fresh account publishes: OpenAI's models that speak Chat Completions and Responses. Dated
 * snapshots, and models that speak only one of them, are left out; they can be configured.
 */
export const MODELS: readonly string[] = [
  "gpt-6-sol",
  "gpt-6-luna",
  "gpt-6-astra",
  "gpt-5.6-sol",
  "gpt-5.6-luna",
  "gpt-5.6-terra",
  "gpt-5.5",
  "gpt-5.4",
  "gpt-5.4-mini",
  "gpt-5.4-nano",
  "gpt-5.3",
  "gpt-5.2",
  "gpt-5.1",
  "gpt-5",
  "gpt-5-mini",
  "gpt-5-nano",
  "gpt-4.1",
  "gpt-4.1-mini",
  "gpt-4.1-nano",
  "gpt-4o",
  "gpt-4o-mini",
  "o3",
  "o3-mini",
  "o4-mini",
  "o1",
  "gpt-4-turbo",
  "gpt-4",
  "gpt-3.5-turbo",
];

/** And those that embed, judge, draw, speak and listen. */
export const OPERATION_MODELS: readonly string[] = [
  "text-embedding-3-small",
  "text-embedding-3-large",
  "omni-moderation-latest",
  "gpt-image-1",
  "gpt-4o-mini-tts",
  "gpt-4o-transcribe",
  "gpt-4o-mini-transcribe",
  "whisper-1",
];

/**
 * Whether a model of OpenAI's thinks before it answers: the o-series and GPT-5 and later, but
 * not their `chat` variants. Such a model refuses `max_tokens` and takes `reasoning_effort`.
 * Fine-tuned models are named after their base: `ft:o4-mini-2025-04-16:acme::x`.
 */
export function isReasoningModel(model: string): boolean {
  const name = model.replace(/^ft:/, "").replace(/^openai\//, "");
  // `gpt-35-turbo` is Azure's name of GPT-3.5.
  return /^(?:o\d|gpt-(?:[5-9](?!\d)|1\d)|codex)/.test(name) && !/-chat\b/.test(name);
}

/**
 * Whether a model takes no settings of sampling but the usual: the o-series and GPT-5 always, the ones after it
 * while they think, which they do where they are asked to. Source: OpenAI's guide to its latest model, "parameter
 * compatibility".
 */
export function hasFixedSampling(model: string, thinks: boolean): boolean {
  if (!isReasoningModel(model)) return false;
  return thinks || /^(?:o\d|codex|gpt-5(?![.\d]))/.test(baseOf(model));
}

/** Most tokens that a model writes, which OpenAI refuses to be asked to exceed. The first row that fits counts. Source: the models' pages. */
const MAX_OUTPUT: readonly (readonly [names: RegExp, tokens: number])[] = [
  [/^gpt-(?:3\.5|35)/, 4_096],
  [/^gpt-4-(?:turbo|vision|1106|0125)/, 4_096],
  [/^gpt-4(?:-\d|-32k|$)/, 8_192],
  [/^(?:chatgpt-4o|gpt-4o|gpt-\d[\d.]*-chat)/, 16_384],
  [/^gpt-4\.1/, 32_768],
  [/^o1-mini/, 65_536],
  [/^o\d/, 100_000],
  [/^gpt-5/, 128_000],
];

/** undefined: nothing is known of this model. */
export function maxOutputOf(model: string): number | undefined {
  const name = model.replace(/^ft:/, "").replace(/^openai\//, "");
  return MAX_OUTPUT.find(([names]) => names.test(name))?.[1];
}

/** Models that OpenAI serves by Responses alone. Source: the models' pages, "Endpoints". */
const ON_RESPONSES_ONLY =
  /^(?:o\d-(?:pro|deep-research)|o4-mini-deep-research|gpt-[\d.]+-pro|gpt-[\d.]+-codex|codex-|computer-use-preview)/;

/** Models that OpenAI serves by Chat Completions alone: those that hear, speak or always search. */
const ON_CHAT_ONLY = /^(?:gpt-audio|gpt-4o(?:-mini)?-(?:audio|search)-preview|gpt-5-search)/;

const baseOf = (model: string) => model.replace(/^ft:/, "").replace(/^openai\//, "");

export function isOnResponsesOnly(model: string): boolean {
  return ON_RESPONSES_ONLY.test(baseOf(model));
}

export function isOnChatOnly(model: string): boolean {
  return ON_CHAT_ONLY.test(baseOf(model));
}

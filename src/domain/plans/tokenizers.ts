import type { Cutting } from "./pieces.ts";

/** How a model reads texts and pictures, as far as that is public. */
export interface ModelTokenizer {
  cutting: Cutting;
  /** Whether it is this very tokenizer; else its count bounds what the model's own makes (`TextCount.bound`). */
  exact: boolean;
  /** The most tokens that one picture is read as. */
  image: number;
  around: Around;
}

/**
 * Tokens that a provider puts around what the caller sent: the marks of turns, the words by which tools and
 * schemas are explained to the model, a preamble of its own.
 */
export interface Around {
  call: number;
  message: number;
  tool: number;
  /** Once, where there is any tool. */
  tools: number;
  /** Where the answer shall follow a form. */
  schema: number;
}

/** The largest that recorded calls show, with a margin. */
const AROUND: Around = { call: 64, message: 12, tool: 48, tools: 256, schema: 256 };
const OPENAI: Around = { call: 48, message: 12, tool: 32, tools: 256, schema: 128 };

const OTHER: ModelTokenizer = { cutting: "o200k", exact: false, image: 20_000, around: AROUND };
const O200K: ModelTokenizer = { cutting: "o200k", exact: true, image: 1_600, around: OPENAI };
const CL100K: ModelTokenizer = { ...O200K, cutting: "cl100k" };

/**
 * By the provider's name of the model, without what stands before it (`openai/`, `ft:`). OpenAI publishes
 * its tokenizers (tiktoken/model.py) and how it reads pictures: 85 tokens and 170 a tile of at most eight,
 * thirty times that for gpt-4o-mini, a patch of 32 by 32 pixels for small and newer models
 * (platform.openai.com/docs/guides/images-vision). The models before these have other tokenizers, and
 * nobody else's are exact. Pictures are known of Anthropic too (docs.anthropic.com, Vision).
 */
const ROWS: readonly [RegExp, ModelTokenizer][] = [
  [/^(?:gpt-3\.5|gpt-35|gpt-4(?:$|[-@:])|text-embedding-|(?:davinci|babbage)-002)/, CL100K],
  [/^(?:gpt-2|gpt-neo|gpt-j|gpt4all)/, OTHER],
  [/^(?:gpt-image|gpt-audio|gpt-realtime)/, { ...OTHER, image: 16_000 }],
  [/^gpt-oss/, { ...O200K, image: OTHER.image, around: { ...OPENAI, call: 128 } }],
  [/^gpt-4o-mini/, { ...O200K, image: 50_000 }],
  [/^(?:gpt-4\.1-|o4-mini|gpt-5-(?:mini|nano))/, { ...O200K, image: 4_000 }],
  [/^(?:gpt-4o|gpt-4\.|gpt-5(?:$|-)|o[13](?:$|-)|chatgpt-)/, O200K],
  [/^(?:gpt-|o\d(?:$|-)|codex-|computer-use-)/, { ...O200K, image: 16_000 }],
  [/^claude/, { ...OTHER, image: 5_000, around: { ...AROUND, call: 96, tool: 96, tools: 768, schema: 640 } }],
  [/^grok/, { ...OTHER, around: { ...AROUND, call: 384, tools: 384 } }],
  [/^deepseek/, { ...OTHER, around: { ...AROUND, call: 112 } }],
  [/^command-a-reasoning/, { ...OTHER, around: { ...AROUND, call: 1_472, tools: 1_024 } }],
  [/^command/, { ...OTHER, around: { ...AROUND, call: 576, tools: 1_024 } }],
  [/^nova/, { ...OTHER, around: { ...AROUND, tools: 640, tool: 128 } }],
  [/^(?:meta-)?llama-4/, { ...OTHER, around: { ...AROUND, tools: 640 } }],
];

/** Names are looked up for every call; there are few. */
const found = new Map<string, ModelTokenizer>();
const KEPT = 1_000;

export function tokenizerOf(model: string): ModelTokenizer {
  let tokenizer = found.get(model);
  if (tokenizer === undefined) {
    const name = model
      .replace(/^(?:[^/]*\/)*(?:ft:|(?:[a-z]+\.)*(?=claude|gpt-|llama|nova|command))?/, "")
      .toLowerCase();
    tokenizer = ROWS.find(([pattern]) => pattern.test(name))?.[1] ?? OTHER;
    if (found.size >= KEPT) found.clear();
    found.set(model, tokenizer);
  }
  return tokenizer;
}

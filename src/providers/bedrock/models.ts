import { type ModelTraits, traitsOf } from "../anthropic/models.ts";

/**
 * What Bedrock's models take beside what every one does. The name tells the family: behind the
 * prefix of a cross-region profile (`us.`, `global.`) stands the maker. An inference profile's
 * ARN hides it; then nothing is assumed.
 *
 * Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html,
 * its pages structured-output, prompt-caching and service-tiers-inference, and the model cards.
 */
export interface Family {
  /** Claude's own traits; undefined for other models. */
  claude: ModelTraits | undefined;
  /** How thinking is asked for. */
  thinking: "claude" | "nova" | "effort" | "none";
  /** Where `top_k` stands. */
  topK: "top_k" | "inferenceConfig" | "none";
  /** `outputConfig.textFormat`. */
  structured: boolean;
  /** Whether it knows `toolChoice`, and whether it can be made to call a tool by it. */
  toolChoice: "full" | "auto-only" | "unknown";
  /** Places where a cache point may stand. */
  cachePoints: "all" | "no-tools" | "none";
}

const UNKNOWN: Family = {
  claude: undefined,
  thinking: "none",
  topK: "none",
  structured: false,
  toolChoice: "unknown",
  cachePoints: "none",
};

const OPEN_WEIGHTS: Family = { ...UNKNOWN, structured: true };

/** The first row that fits counts. */
const ROWS: readonly (readonly [name: RegExp, family: Family])[] = [
  [
    /amazon\.nova-(?:2|premier-2)/,
    { ...UNKNOWN, thinking: "nova", topK: "inferenceConfig", toolChoice: "full", cachePoints: "no-tools" },
  ],
  [/amazon\.nova/, { ...UNKNOWN, topK: "inferenceConfig", toolChoice: "full", cachePoints: "no-tools" }],
  [/openai\.gpt/, { ...OPEN_WEIGHTS, thinking: "effort" }],
  [/deepseek\.v3|qwen\.|google\.gemma|minimax\.|moonshot|nvidia\.nemotron|zai\./, OPEN_WEIGHTS],
  [/mistral\.(?:mistral-large-3|ministral|magistral|voxtral)/, OPEN_WEIGHTS],
  [/meta\.llama|amazon\.titan|deepseek\.r1/, { ...UNKNOWN, toolChoice: "auto-only" }],
];

export function familyOf(model: string): Family {
  const name = model.toLowerCase();
  if (isClaude(name)) {
    const claude = traitsOf(name);
    return {
      claude,
      thinking: "claude",
      topK: "top_k",
      structured: claude.structured,
      toolChoice: "full",
      cachePoints: "all",
    };
  }
  return ROWS.find(([pattern]) => pattern.test(name))?.[1] ?? UNKNOWN;
}

export function isClaude(model: string): boolean {
  return /anthropic|claude/.test(model.toLowerCase());
}

/** What a fresh account publishes: models that an account may call without having asked for them. Any other is asked for by its id. */
export const MODELS: readonly string[] = [
  "amazon.nova-pro-v1:0",
  "amazon.nova-lite-v1:0",
  "amazon.nova-micro-v1:0",
  "openai.gpt-oss-120b-1:0",
  "openai.gpt-oss-20b-1:0",
];

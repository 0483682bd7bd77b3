/**
 * What Anthropic's models take. Everything here is about requests that come from another
 * dialect and have to be made fit; a caller who speaks Anthropic's own dialect is taken at
 * its word, and Anthropic answers what it refuses.
 *
 * Sources: https://platform.claude.com/docs/en/about-claude/models/overview, the "What's
 * new" and migration page of each model beside it, and under build-with-claude the pages
 * effort, adaptive-thinking, structured-outputs and mid-conversation-system-messages.
 */
export interface ModelTraits {
  /** Largest `max_tokens`. */
  readonly maxOutput: number;
  /**
   * `max_tokens` for callers who gave none. Mostly the maximum. Models from 3.7 to 4.1 refuse
   * prompts that do not fit their window together with it, so they are asked for less.
   */
  readonly defaultOutput: number;
  /** `budget`: thinks within `budget_tokens`. `adaptive`: decides itself how much. */
  readonly thinking: "none" | "budget" | "adaptive";
  /** How a request says "do not think": by silence, by a word, or not at all. */
  readonly thinkingOff: "omit" | "disabled" | "between_tools" | "never";
  /** The words of `output_config.effort` that it knows. */
  readonly efforts: readonly string[];
  /** `output_config.format` and `strict` tools. */
  readonly structured: boolean;
  /** Which of `temperature`, `top_p` and `top_k` it takes: all, one of the first two, or none. */
  readonly sampling: "all" | "one" | "none";
  /** Whether `tool_choice` may be `any` or name a tool. */
  readonly forcedTool: boolean;
  /** Whether system turns may stand behind a user turn. */
  readonly systemTurns: boolean;
  /** Whether the last turn may be the assistant's, to be continued. */
  readonly prefill: boolean;
}

const ALL_EFFORTS = ["low", "medium", "high", "xhigh", "max"];

const CLAUDE_3: ModelTraits = {
  maxOutput: 4_096,
  defaultOutput: 4_096,
  thinking: "none",
  thinkingOff: "omit",
  efforts: [],
  structured: false,
  sampling: "all",
  forcedTool: true,
  systemTurns: false,
  prefill: true,
};
const CLAUDE_3_5: ModelTraits = { ...CLAUDE_3, maxOutput: 8_192, defaultOutput: 8_192 };
const CLAUDE_3_7: ModelTraits = { ...CLAUDE_3, maxOutput: 64_000, defaultOutput: 32_000, thinking: "budget" };
const OPUS_4: ModelTraits = { ...CLAUDE_3_7, maxOutput: 32_000 };
const OPUS_4_1: ModelTraits = { ...OPUS_4, structured: true, sampling: "one" };
const CLAUDE_4_5: ModelTraits = { ...CLAUDE_3_7, defaultOutput: 64_000, structured: true, sampling: "one" };
const OPUS_4_5: ModelTraits = { ...CLAUDE_4_5, efforts: ["low", "medium", "high"] };
const CLAUDE_4_6: ModelTraits = {
  ...CLAUDE_4_5,
  maxOutput: 128_000,
  defaultOutput: 128_000,
  thinking: "adaptive",
  efforts: ["low", "medium", "high", "max"],
  prefill: false,
};
const OPUS_4_7: ModelTraits = { ...CLAUDE_4_6, efforts: ALL_EFFORTS, sampling: "none" };
const OPUS_4_8: ModelTraits = { ...OPUS_4_7, systemTurns: true };
const CLAUDE_5: ModelTraits = { ...OPUS_4_8, thinkingOff: "disabled" };
const FABLE_5: ModelTraits = { ...CLAUDE_5, thinkingOff: "never" };
const SONNET_5_5: ModelTraits = { ...CLAUDE_5, thinkingOff: "between_tools", forcedTool: false };
const OPUS_5_5: ModelTraits = { ...FABLE_5, forcedTool: false };

/** A model that is not Claude, behind someone else's copy of this API: ask for little, and leave nothing out. */
const STRANGER: ModelTraits = {
  ...CLAUDE_3,
  maxOutput: Number.MAX_SAFE_INTEGER,
  defaultOutput: 8_192,
  thinking: "budget",
};

/** The newest first; the first row that names the line and is not newer than the model counts. */
const ROWS: readonly (readonly [lines: string, since: number, traits: ModelTraits])[] = [
  ["opus", 5.5, OPUS_5_5],
  ["sonnet", 5.5, SONNET_5_5],
  ["fable mythos", 5.1, OPUS_5_5],
  ["fable mythos", 5, FABLE_5],
  ["opus sonnet haiku", 5, CLAUDE_5],
  ["opus", 4.8, OPUS_4_8],
  ["opus", 4.7, OPUS_4_7],
  ["opus sonnet haiku", 4.6, CLAUDE_4_6],
  ["opus", 4.5, OPUS_4_5],
  ["sonnet haiku", 4.5, CLAUDE_4_5],
  ["opus", 4.1, OPUS_4_1],
  ["opus", 4, OPUS_4],
  ["sonnet haiku", 4, CLAUDE_3_7],
  ["opus sonnet haiku", 3.7, CLAUDE_3_7],
  ["opus sonnet haiku", 3.5, CLAUDE_3_5],
  ["opus sonnet haiku", 0, CLAUDE_3],
];

/** `claude-opus-4-1-20250805`, `claude-3-5-haiku-latest`, `anthropic/claude-opus-4.5`, `claude-fable-5`. */
const NAME = /claude-(?:(\d)(?:[-.](\d))?-)?(opus|sonnet|haiku|fable|mythos)(?:-(\d)(?:[-.](\d)(?!\d))?)?/;

/** @param model the provider's name of it, also with the prefixes and dates that clouds add. */
export function traitsOf(model: string): ModelTraits {
  const name = model.toLowerCase();
  if (!name.includes("claude")) return STRANGER;
  if (/claude-(instant|v?[12]\b)/.test(name)) return CLAUDE_3;
  const match = NAME.exec(name);
  // A line that nobody has heard of is younger than this table.
  if (match === null) return CLAUDE_5;
  const [, majorBefore, minorBefore, line, majorBehind, minorBehind] = match;
  const major = majorBefore ?? majorBehind;
  const version = major === undefined ? 5 : Number(`${major}.${minorBefore ?? minorBehind ?? 0}`);
  for (const [lines, since, traits] of ROWS) {
    if (version >= since && lines.split(" ").includes(line!)) return traits;
  }
  return CLAUDE_5;
}

/** Models that a fresh account publishes: those that everybody may call and that are not about to be retired. */
export const MODELS: readonly string[] = [
  "claude-fable-5-2",
  "claude-opus-5-5",
  "claude-sonnet-5-5",
  "claude-haiku-5-5",
  "claude-opus-5",
  "claude-sonnet-5",
  "claude-opus-4-8",
  "claude-opus-4-7",
  "claude-opus-4-6",
  "claude-sonnet-4-6",
  "claude-haiku-4-5",
];

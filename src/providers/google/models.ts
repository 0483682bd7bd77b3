/**
 * What Gemini's models take. It is about requests that come from another dialect and have to be
 * made fit; a caller who speaks Google's own is taken at its word, and Google answers what it
 * refuses. Source: https://ai.google.dev/gemini-api/docs/models and, beside it, the pages
 * thinking, thought-signatures, structured-output and function-calling.
 */
export interface ModelTraits {
  /** Largest `maxOutputTokens`. */
  readonly maxOutput: number;
  /** `budget`: thinks within `thinkingBudget`. `level`: takes `thinkingLevel`. */
  readonly thinking: "none" | "budget" | "level";
  /** The words of `thinkingLevel` that it knows, from little to much. */
  readonly levels: readonly string[];
  /** The bounds of `thinkingBudget`; whether 0 switches thinking off. */
  readonly budget: { readonly min: number; readonly max: number; readonly off: boolean };
  /** Whether it refuses a call in its history that it, or nobody, has signed. */
  readonly signed: boolean;
  /** Whether it takes a schema for its answer beside functions to call. */
  readonly jsonWithTools: boolean;
  /** Whether a function's result may hold pictures and documents. */
  readonly mediaInResults: boolean;
}

const NO_BUDGET = { min: 0, max: 0, off: true };

const OLD: ModelTraits = {
  maxOutput: 8_192,
  thinking: "none",
  levels: [],
  budget: NO_BUDGET,
  signed: false,
  jsonWithTools: false,
  mediaInResults: false,
};
const FLASH_2_5: ModelTraits = {
  ...OLD,
  maxOutput: 65_536,
  thinking: "budget",
  budget: { min: 1, max: 24_576, off: true },
};
const PRO_2_5: ModelTraits = { ...FLASH_2_5, budget: { min: 128, max: 32_768, off: false } };
const LITE_2_5: ModelTraits = { ...FLASH_2_5, budget: { min: 512, max: 24_576, off: true } };
const GEMINI_3: ModelTraits = {
  maxOutput: 65_536,
  thinking: "level",
  levels: ["low", "medium", "high"],
  budget: NO_BUDGET,
  signed: true,
  jsonWithTools: true,
  mediaInResults: true,
};
const PRO_3: ModelTraits = { ...GEMINI_3, levels: ["low", "high"] };
const FLASH_3: ModelTraits = { ...GEMINI_3, levels: ["minimal", "low", "medium", "high"] };
/** Models that speak or paint: they do not think on demand. */
const MEDIA: ModelTraits = { ...OLD, maxOutput: 32_768 };

/** The first row that fits counts. A model that nobody has heard of is younger than this table. */
const ROWS: readonly (readonly [name: RegExp, traits: ModelTraits])[] = [
  [/^gemini-(?:[12]\b|2\.5).*(?:image|tts|audio|live)/, MEDIA],
  [/^gemini-2\.5-pro/, PRO_2_5],
  [/^gemini-2\.5-flash-lite/, LITE_2_5],
  [/^gemini-2\.5/, FLASH_2_5],
  [/^gemini-(?:[12]\.\d|pro\b|1|2)\b/, OLD],
  [/^gemini-3-pro/, PRO_3],
  [/^gemini-3(?:\.[0-6])?-flash/, FLASH_3],
  [/^(?:gemma|learnlm)/, OLD],
];

/** @param model the provider's name of it, also with what tuned models and Vertex put before it. */
export function traitsOf(model: string): ModelTraits {
  const name = model.slice(model.lastIndexOf("/") + 1).toLowerCase();
  return ROWS.find(([pattern]) => pattern.test(name))?.[1] ?? GEMINI_3;
}

/** Models that a fresh account publishes. Previews and dated snapshots can be configured. */
export const MODELS: readonly string[] = [
  "gemini-3.8-flash",
  "gemini-3.7-flash",
  "gemini-3.6-flash",
  "gemini-3.5-flash",
  "gemini-3.5-flash-lite",
  "gemini-3.1-pro-preview",
  "gemini-3.1-flash-lite",
  "gemini-2.5-pro",
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
];

/** Those that embed. */
export const EMBEDDING_MODELS: readonly string[] = ["gemini-embedding-001"];

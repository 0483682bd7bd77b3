import { MAX_OUTPUT_TOKENS } from "../../kernel/bounds.ts";
import { foldedName } from "../../kernel/field-name.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { ModelRequest, Tool } from "../../spec/request.ts";

/**
 * What a call costs beyond its body: words of providers' dialects by which a few bytes make a
 * provider read, or write, far more than they are.
 */

/** Input that is reserved where it cannot be measured and no list knows the model's context length: the longest of today's models. */
export const UNBOUNDED_INPUT_TOKENS = 2_000_000;

/** Bound to their dialect, but all that is read for them stands in the body, or is fixed. */
const READS_NOTHING: ReadonlySet<string> = new Set([
  ...["background", "moderation", "suffix", "template", "context", "raw"],
  ...["modelArmorConfig", "generationConfig.responseModalities", "generationConfig.responseMimeType"],
]);

/**
 * Fields, canonical nowhere, by which a provider searches, or reads what lies with it: OpenAI's, Azure's,
 * xAI's, OpenRouter's, DashScope's, Cohere's, Anthropic's, Google's.
 */
const UNSEEN: readonly string[] = [
  ...["previous_response_id", "conversation", "prompt", "cachedContent", "cached_content", "data_sources"],
  ...["web_search_options", "search_parameters", "plugins", "enable_search", "connectors", "mcp_servers", "container"],
];

/** A field whose settings may have a provider read the conversation once more, to shorten it: Anthropic's and OpenAI's. */
const SHORTENING = "context_management";

function shortens(value: Json | undefined): boolean {
  const edits = isObject(value) ? value.edits : value;
  if (!Array.isArray(edits)) return false;
  return edits.some((edit) => isObject(edit) && typeof edit.type === "string" && edit.type.startsWith("compact"));
}

/** Tools of a provider's making that the caller runs: what they find comes in the next body. */
const RUN_BY_CALLER =
  /^(?:custom|computer|computer_use_preview|apply_patch|local_shell|(?:bash|text_editor|computer|memory)_\d{8})$/;

/** Fields that stand for input which lies elsewhere. */
export function unseenFields({ dialectBound = [], extra = {} }: ModelRequest): string[] {
  const fields = dialectBound.filter((name) => !READS_NOTHING.has(name));
  for (const name of UNSEEN) if (isSaid(extra[name]) && !fields.includes(name)) fields.push(name);
  return fields;
}

function isSaid(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}

/** Whether a provider may read for it what nobody here can measure: a conversation, a cache, what its tools find. */
export function readsUnseen(request: ModelRequest): boolean {
  const { tools, dialectBound, extra } = request;
  if (tools?.some(isProviders) === true) return true;
  // Asked of each target of every call, for which a list would be made each time.
  if (dialectBound?.some((name) => !READS_NOTHING.has(name)) === true) return true;
  return extra !== undefined && (UNSEEN.some((name) => isSaid(extra[name])) || shortens(extra[SHORTENING]));
}

function isProviders(tool: Tool): boolean {
  if (tool.type !== "opaque") return false;
  const { type } = tool.value;
  return typeof type !== "string" || !RUN_BY_CALLER.test(type);
}

/** What a caller writes for itself: no provider takes its settings from there. */
const OF_CALLERS: ReadonlySet<string> = new Set(["metadata", "user", "labels"]);

/** JSON Schemas, of which hosts take some: their `maxLength` is a text's of the answer. */
const SCHEMAS: ReadonlySet<string> = new Set(
  [
    "schema",
    "json_schema",
    "guided_json",
    "response_schema",
    "response_json_schema",
    "structured_outputs",
    "grammar",
  ].map(foldedName),
);

/** Objects within objects that are looked at; hosts take settings in one or two (`options`, `parameters`, `extra_body`). */
const DEEPEST = 4;

type Setting = "answers" | "bound" | "least" | "thoughts";

/** What may be a provider's setting, under whatever name, and in whatever spelling of it. */
const SETTINGS: ReadonlyMap<string, Setting> = new Map<string, Setting>([
  // Beams are answers of which all but one are thrown away, when they have been written.
  ...settings("answers", "n best_of candidate_count num_generations num_return_sequences num_completions num_choices"),
  ...settings("answers", "n_samples num_samples num_images num_beams beam_width"),
  // As a provider of another dialect would read them that is asked for both; Google's, Bedrock's, AI21's, Anthropic's old one.
  ...settings("bound", "max_tokens max_completion_tokens max_output_tokens max_new_tokens max_tokens_to_sample"),
  ...settings("bound", "n_predict num_predict max_gen_len max_length max_token_count"),
  // Servers that write on until there are so many.
  ...settings("least", "min_tokens min_new_tokens min_completion_tokens min_output_tokens min_length"),
  // Budgets of thoughts that are canonical nowhere: DashScope's, vLLM's, llama.cpp's, Qwen's chat template's.
  ...settings("thoughts", "thinking_budget thinking_token_budget thinking_budget_tokens reasoning_budget"),
]);

/** No name among them is longer; what is cannot be one of them. */
const LONGEST_NAME = 40;

function settings(setting: Setting, names: string): [string, Setting][] {
  return names.split(" ").map((name) => [foldedName(name), setting]);
}

/** The largest of each that is said anywhere; 0 where nothing is. */
interface Said extends Record<Setting, number> {
  /** Whether a bound below 0 is among them, which is none where such a number is taken. */
  unbounded: boolean;
}

const NOTHING: Said = { answers: 0, bound: 0, least: 0, thoughts: 0, unbounded: false };

/** They are asked for several times a call, and there may be tens of thousands of fields. */
const read = new WeakMap<JsonObject, Said>();

/** All that may be a provider's settings among the fields that are canonical nowhere: a host may pass on whatever it does not know. */
function saidIn(extra: JsonObject | undefined): Said {
  if (extra === undefined) return NOTHING;
  let said = read.get(extra);
  if (said === undefined) {
    said = { ...NOTHING };
    readInto(said, extra, 0);
    read.set(extra, said);
  }
  return said;
}

function readInto(said: Said, fields: JsonObject, depth: number): void {
  for (const name in fields) {
    const value = fields[name];
    if (isObject(value)) {
      if (depth < DEEPEST && !OF_CALLERS.has(name) && !SCHEMAS.has(foldedName(name))) readInto(said, value, depth + 1);
      continue;
    }
    const setting = name.length > LONGEST_NAME ? undefined : SETTINGS.get(foldedName(name));
    const number = setting === undefined ? undefined : numberOf(value);
    if (number === undefined) continue;
    said[setting!] = Math.max(said[setting!], number);
    if (setting === "bound" && number < 0) said.unbounded = true;
  }
}

/** More is no provider's, and would only make numbers that cannot be reserved exactly. */
const MAX_ANSWERS = 10_000;

/** Answers that are written for one request, whatever it calls their number, and wherever; at least 1. */
export function answersOf({ choices = 1, extra, operation }: ModelRequest): number {
  const relayed = operation?.type === "relay" ? saidIn(operation.fields).answers : 0;
  return Math.min(Math.max(choices, 1, saidIn(extra).answers, relayed), MAX_ANSWERS);
}

/**
 * The most that one answer may have, in tokens; the largest where a request says several.
 * @param unbounded where it says none
 */
export function outputBound({ maxOutputTokens, extra }: ModelRequest, unbounded: number): number {
  if (maxOutputTokens === undefined) return unbounded;
  const said = saidIn(extra);
  return Math.max(maxOutputTokens, said.bound, said.least, said.unbounded ? unbounded : 0);
}

/** The largest budget of thoughts, in tokens, among the fields that are canonical nowhere; 0 where there is none. */
export function extraThinkingBudget({ extra }: ModelRequest): number {
  return saidIn(extra).thoughts;
}

/** Lenient servers read numbers in texts as well. */
function numberOf(value: Json | undefined): number | undefined {
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : Math.min(Math.ceil(number), MAX_OUTPUT_TOKENS);
}

const REFERENCE = /^(?:file_?(?:id|uri|url)|url|uri|video_url|s3Location)$/i;

/** Whether something in it lies elsewhere. */
export function bearsReference(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(bearsReference);
  return Object.entries(value).some(([name, inner]) => REFERENCE.test(name) || bearsReference(inner));
}

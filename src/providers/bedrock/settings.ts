import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { ownBody } from "../anthropic/own.ts";
import { writeLimits, writeSampling, writeThinking } from "../anthropic/settings.ts";
import type { Losses } from "../losses.ts";
import type { Family } from "./models.ts";

/** What Converse says of every model, and what stands beside it in the model's own words. */
export interface Settings {
  inferenceConfig: JsonObject;
  additional: JsonObject;
  /** Whether the model was told to think. */
  thinks: boolean;
}

/** Effort, sampling and limits. What only the dice lean on is left out with a warning. */
export function settingsOf(request: ModelRequest, family: Family, losses: Losses): Settings {
  const settings =
    family.claude === undefined ? settingsOfOthers(request, family, losses) : claudes(request, family, losses);
  const stop = request.stop?.filter((word) => word !== "");
  if (stop !== undefined && stop.length > 0) settings.inferenceConfig.stopSequences = stop;
  return settings;
}

/** Claude is told in Anthropic's words what Converse has none for; Anthropic's adapter knows them. */
function claudes(request: ModelRequest, { claude: traits }: Family, losses: Losses): Settings {
  const warn = (field: string, message: string) => losses.warn(field, message);
  let body: JsonObject = {};
  let thinks: boolean;
  if (request.dialect === "anthropic-messages") {
    body = ownBody({ ...request, messages: [] }, "", warn);
    const type = isObject(body.thinking) ? body.thinking.type : undefined;
    thinks = type === "enabled" || type === "adaptive";
  } else {
    writeLimits(request, traits!, body, warn);
    thinks = writeThinking(request, traits!, body, warn);
    writeSampling(request, traits!, thinks, body, warn);
    const budget = isObject(body.thinking) && body.thinking.budget_tokens !== undefined;
    // Without a bound Bedrock takes the model's largest, unless it has to leave room for thoughts.
    if (request.maxOutputTokens === undefined && !budget) delete body.max_tokens;
  }
  const { max_tokens, temperature, top_p, top_k, thinking, output_config } = body;
  const additional = present({ top_k, thinking, output_config: withoutFormat(output_config) });
  const betas = betasOf(request, losses);
  if (betas.length > 0) additional.anthropic_beta = betas;
  return { inferenceConfig: present({ maxTokens: max_tokens, temperature, topP: top_p }), additional, thinks };
}

function withoutFormat(config: JsonObject[string] | undefined): JsonObject | undefined {
  if (!isObject(config)) return undefined;
  const { format: _, ...rest } = config;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** Flags of Anthropic's that Bedrock knows; it refuses a request with any other. Source: its page model-parameters-anthropic-claude-messages. */
const BETAS = [
  "interleaved-thinking",
  "context-1m",
  "context-management",
  "token-efficient-tools",
  "fine-grained-tool-streaming",
  "output-128k",
  "computer-use",
  "dev-full-thinking",
  "tool-search-tool",
  "tool-examples",
  "effort",
];

/** Known flags of an `anthropic-beta` header. */
export function betasOf(request: ModelRequest, losses: Losses): string[] {
  const named = request.headers?.["anthropic-beta"]?.split(",").map((flag) => flag.trim()) ?? [];
  return named.filter((flag) => {
    if (flag === "") return false;
    const known = BETAS.some((beta) => flag.startsWith(`${beta}-20`)) && /^[\w-]{1,60}$/.test(flag);
    if (!known) losses.warn(`anthropic-beta: ${flag}`, "Bedrock does not know this flag; it was left out");
    return known;
  });
}

function settingsOfOthers(request: ModelRequest, family: Family, losses: Losses): Settings {
  const { maxOutputTokens: maxTokens, temperature, topP, topK } = request;
  const additional: JsonObject = {};
  if (topK !== undefined) {
    if (family.topK === "inferenceConfig") additional.inferenceConfig = { topK };
    else losses.warn("top_k", "this model has no such setting on Bedrock; it was left out");
  }
  const thinks = family.thinking !== "none" && writeEffort(request, family, additional, losses);
  if (request.reasoning !== undefined && family.thinking === "none" && asksToThink(request)) {
    losses.warn("reasoning_effort", "this model cannot be told how much to think; it was left out");
  }
  return { inferenceConfig: present({ maxTokens, temperature, topP }), additional, thinks };
}

function asksToThink({ reasoning }: ModelRequest): boolean {
  if (reasoning === undefined || reasoning.enabled === false || reasoning.effort === "none") return false;
  return reasoning.enabled === true || reasoning.effort !== undefined || reasoning.budgetTokens !== undefined;
}

/** Nova 2 and OpenAI's open models know low, medium and high. */
const EFFORTS: Readonly<Record<string, string>> = {
  minimal: "low",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "high",
  max: "high",
};

/** From here on a budget of tokens is medium, and then high. */
const MEDIUM_BUDGET = 2_048;
const HIGH_BUDGET = 16_384;

function writeEffort(request: ModelRequest, family: Family, additional: JsonObject, losses: Losses): boolean {
  if (request.reasoning === undefined) return false;
  if (!asksToThink(request)) {
    if (family.thinking === "nova") additional.reasoningConfig = { type: "disabled" };
    else if (request.reasoning.enabled === false) losses.warn("reasoning_effort", "this model always thinks");
    return false;
  }
  const { effort, budgetTokens } = request.reasoning;
  const byBudget =
    (budgetTokens ?? MEDIUM_BUDGET) < MEDIUM_BUDGET ? "low" : (budgetTokens ?? 0) < HIGH_BUDGET ? "medium" : "high";
  const word = effort === undefined ? byBudget : EFFORTS[effort];
  if (word === undefined) {
    losses.warn("reasoning_effort", `this model has no effort ${JSON.stringify(effort)}; it was left out`);
    return false;
  }
  if (family.thinking === "nova") additional.reasoningConfig = { type: "enabled", maxReasoningEffort: word };
  else additional.reasoning_effort = word;
  return true;
}

/** The fields that have a value. */
function present(fields: Record<string, JsonObject[string] | undefined>): JsonObject {
  const kept: JsonObject = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) kept[name] = value;
  return kept;
}

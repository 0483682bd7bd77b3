import type { JsonObject } from "../../kernel/json.ts";
import type { GeminiRequestForm } from "../../spec/gemini-form.ts";
import { toGeminiSchema } from "../../spec/gemini-schema.ts";
import type { ModelRequest, ReasoningRequest } from "../../spec/request.ts";
import type { Losses } from "../losses.ts";
import type { ModelTraits } from "./models.ts";
import { geminiJsonSchema } from "./schema.ts";

/**
 * `generationConfig`. Efforts become budgets, for models that have one, as Google's own
 * compatibility layer does it (https://ai.google.dev/gemini-api/docs/openai#thinking):
 */
const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

const LEVELS = ["minimal", "low", "medium", "high"];

/** Largest budget of tokens that counts as low and as medium for models that take a level. */
const LOW_BUDGET = 4_096;
const MEDIUM_BUDGET = 16_384;

/** The model decides each time how long it thinks. Flash-Lite does not think unless it is told this, or a number. */
const DYNAMIC = -1;

const MAX_TEMPERATURE = 2;
const MAX_STOPS = 5;
const MAX_CHOICES = 8;
const MAX_TOP_LOGPROBS = 20;

const JSON_TYPE = "application/json";

/** @param byFunction the answer's schema is asked for by a function of its own. @throws UnsupportedFeature */
export function generationConfig(
  request: ModelRequest,
  traits: ModelTraits,
  byFunction: boolean,
  losses: Losses,
): JsonObject {
  const config: JsonObject = {};
  writeLimits(request, traits, losses, config);
  writeSampling(request, losses, config);
  if (!byFunction) writeFormat(request, losses, config);
  const { responseModalities, includeThoughts } = (request.form ?? {}) as GeminiRequestForm;
  if (request.reasoning !== undefined) {
    const thinking = losses.own
      ? ownThinking(request.reasoning, includeThoughts)
      : thinkingOf(request.reasoning, traits, losses);
    if (thinking !== undefined) config.thinkingConfig = thinking;
  }
  if (losses.own && responseModalities !== undefined) config.responseModalities = responseModalities;
  return config;
}

function writeLimits(request: ModelRequest, traits: ModelTraits, losses: Losses, config: JsonObject): void {
  const { maxOutputTokens: wanted, choices } = request;
  const stop = losses.own ? request.stop : request.stop?.filter((word) => word !== "");
  if (wanted !== undefined) {
    const most = losses.own ? wanted : Math.min(wanted, traits.maxOutput);
    if (most !== wanted) losses.warn("max_tokens", `this model writes at most ${most} tokens, which were asked for`);
    config.maxOutputTokens = most;
  }
  if (choices !== undefined && (choices > 1 || losses.own)) {
    if (choices > MAX_CHOICES && !losses.own) losses.refuse("n", `Gemini gives at most ${MAX_CHOICES} answers at once`);
    config.candidateCount = choices;
  }
  if (stop === undefined || (stop.length === 0 && !losses.own)) return;
  if (stop.length > MAX_STOPS && !losses.own) losses.refuse("stop", `Gemini takes at most ${MAX_STOPS} stop sequences`);
  config.stopSequences = stop;
}

function writeSampling(request: ModelRequest, losses: Losses, config: JsonObject): void {
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty, logprobs, topLogprobs } = request;
  if (temperature !== undefined) {
    const most = losses.own ? temperature : Math.min(temperature, MAX_TEMPERATURE);
    if (most !== temperature) losses.warn("temperature", "Gemini's temperatures end at 2, which was sent");
    config.temperature = most;
  }
  if (topP !== undefined) config.topP = topP;
  if (topK !== undefined) config.topK = topK;
  if (seed !== undefined) config.seed = seed;
  if (presencePenalty !== undefined) config.presencePenalty = presencePenalty;
  if (frequencyPenalty !== undefined) config.frequencyPenalty = frequencyPenalty;
  if (logprobs !== undefined && (logprobs || losses.own)) config.responseLogprobs = logprobs;
  if (topLogprobs === undefined || (!losses.own && (topLogprobs === 0 || logprobs !== true))) return;
  if (topLogprobs > MAX_TOP_LOGPROBS && !losses.own) {
    losses.refuse("top_logprobs", `Gemini tells at most ${MAX_TOP_LOGPROBS} alternatives`);
  }
  config.logprobs = topLogprobs;
}

function writeFormat(request: ModelRequest, losses: Losses, config: JsonObject): void {
  const format = request.responseFormat;
  if (format === undefined) return;
  if (format.type === "text") {
    if (losses.own) config.responseMimeType = "text/plain";
    return;
  }
  config.responseMimeType = JSON_TYPE;
  if (format.type === "json" || format.schema === undefined) return;
  if (!losses.own) {
    const schema = geminiJsonSchema(format.schema);
    const { description } = format;
    config.responseJsonSchema =
      description === undefined || schema.description !== undefined ? schema : { ...schema, description };
  } else if ((request.form as GeminiRequestForm | undefined)?.schema === "own") {
    config.responseSchema = toGeminiSchema(format.schema);
  } else config.responseJsonSchema = format.schema;
}

/** In the caller's own words. Google refuses to tell thoughts where there are none, as an API's policy may have it. */
function ownThinking(reasoning: ReasoningRequest, includeThoughts: true | undefined): JsonObject | undefined {
  const { enabled, dynamic, effort, budgetTokens } = reasoning;
  const thinking: JsonObject = {};
  if (includeThoughts && enabled !== false) thinking.includeThoughts = true;
  if (enabled === false) thinking.thinkingBudget = 0;
  if (dynamic) thinking.thinkingBudget = DYNAMIC;
  if (budgetTokens !== undefined) thinking.thinkingBudget = budgetTokens;
  if (effort !== undefined) thinking.thinkingLevel = effort.toUpperCase();
  return Object.keys(thinking).length > 0 ? thinking : undefined;
}

function thinkingOf(reasoning: ReasoningRequest, traits: ModelTraits, losses: Losses): JsonObject | undefined {
  const { enabled, effort, budgetTokens } = reasoning;
  const off = enabled === false || effort === "none";
  if (traits.thinking === "none") {
    if (!off) losses.warn("reasoning_effort", "this model does not think before it answers; it was left out");
    return undefined;
  }
  if (off) return noThinking(traits, losses);
  if (enabled === undefined && effort === undefined && budgetTokens === undefined) return undefined;
  const thinking: JsonObject = { includeThoughts: true };
  if (traits.thinking === "level") {
    const wanted = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
    const level = wanted === undefined ? undefined : levelOf(wanted, traits, losses);
    if (level !== undefined) thinking.thinkingLevel = level.toUpperCase();
    return thinking;
  }
  const wanted = budgetTokens ?? (effort === undefined ? undefined : BUDGETS[effort]);
  if (wanted !== undefined) {
    const { min, max } = traits.budget;
    thinking.thinkingBudget = Math.min(Math.max(wanted, min), max);
  } else if (effort !== undefined) {
    losses.warn("reasoning_effort", `Gemini has no effort ${JSON.stringify(effort)}; it was left out`);
  } else thinking.thinkingBudget = DYNAMIC;
  return thinking;
}

function noThinking(traits: ModelTraits, losses: Losses): JsonObject {
  if (traits.thinking === "budget" && traits.budget.off) return { thinkingBudget: 0 };
  const least: JsonObject =
    traits.thinking === "budget"
      ? { thinkingBudget: traits.budget.min }
      : { thinkingLevel: (traits.levels[0] ?? "low").toUpperCase() };
  losses.warn("reasoning_effort", "this model always thinks; the least was asked for instead of none");
  return least;
}

/** The word itself, or the next lower one that the model has, or its lowest. */
function levelOf(effort: string, traits: ModelTraits, losses: Losses): string | undefined {
  const asked = LEVELS.indexOf(effort === "xhigh" || effort === "max" ? "high" : effort);
  if (asked < 0) {
    losses.warn("reasoning_effort", `Gemini has no effort ${JSON.stringify(effort)}; it was left out`);
    return undefined;
  }
  const level = LEVELS.slice(0, asked + 1).findLast((each) => traits.levels.includes(each)) ?? traits.levels[0];
  if (level !== effort) losses.warn("reasoning_effort", `this model has no ${effort}; ${level} was asked for`);
  return level;
}

function effortOf(budgetTokens: number): string {
  return budgetTokens <= LOW_BUDGET ? "low" : budgetTokens <= MEDIUM_BUDGET ? "medium" : "high";
}

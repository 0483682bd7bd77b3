import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { Message } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Warn } from "./blocks.ts";
import type { ModelTraits } from "./models.ts";
import { forcesTool } from "./tools.ts";

/**
 * Thinking, effort, sampling and the smaller settings, from another dialect.
 *
 * `reasoning_effort` becomes, for models that think adaptively, `thinking: adaptive` with
 * `output_config.effort` (`minimal` is `low`; a word that the model lacks becomes the next
 * lower one that it has); for models that think within a budget, a budget of tokens, at most
 * four fifths of `max_tokens` so that something is left to answer with:
 */
const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** Anthropic's smallest. */
const MIN_BUDGET = 1_024;
const EFFORT_ORDER = ["low", "medium", "high", "xhigh", "max"];
const MAX_USER_ID = 256;

const TIERS: Readonly<Record<string, string>> = {
  auto: "auto",
  priority: "auto",
  default: "standard_only",
  standard: "standard_only",
  standard_only: "standard_only",
};

/** @returns whether the model was told to think. */
export function writeThinking(request: ModelRequest, traits: ModelTraits, body: JsonObject, warn: Warn): boolean {
  const explicit = request.extra?.thinking;
  // Anthropic's own compatibility layer takes this field from OpenAI's clients (`extra_body`), so it is known there.
  if (isObject(explicit)) {
    body.thinking = explicit;
    return explicit.type === "enabled" || explicit.type === "adaptive";
  }
  const reasoning = request.reasoning;
  if (reasoning === undefined) return false;
  if (reasoning.enabled === false || reasoning.effort === "none") return stopThinking(traits, body, warn);
  if (reasoning.enabled === undefined && reasoning.effort === undefined && reasoning.budgetTokens === undefined)
    return false;
  if (traits.thinking === "none") {
    warn("reasoning_effort", "this model does not think before it answers; it was left out");
    return false;
  }
  if (traits.thinking === "adaptive") writeEffort(reasoning.effort, traits, body, warn);
  if (forcesTool(request)) {
    warn("reasoning_effort", "Anthropic's models do not think where a tool is forced; it was left out");
    return false;
  }
  if (traits.thinking === "budget") return writeBudget(request, body, warn);
  if (reasoning.budgetTokens !== undefined)
    warn("reasoning", "this model decides itself how much to think; the budget was left out");
  // Newer models leave thoughts out of the answer unless they are asked for them.
  body.thinking = { type: "adaptive", display: "summarized" };
  return true;
}

function stopThinking(traits: ModelTraits, body: JsonObject, warn: Warn): boolean {
  if (traits.thinkingOff === "never") {
    body.output_config = { effort: "low" };
    warn("reasoning_effort", "this model always thinks; the lowest effort was asked for instead of none");
  } else if (traits.thinkingOff !== "omit") {
    body.thinking = { type: traits.thinkingOff };
  }
  return false;
}

function writeEffort(word: string | undefined, traits: ModelTraits, body: JsonObject, warn: Warn): void {
  if (word === undefined) return;
  const asked = EFFORT_ORDER.indexOf(word === "minimal" ? "low" : word);
  if (asked < 0) {
    warn("reasoning_effort", `Anthropic has no effort ${JSON.stringify(word)}; it was left out`);
    return;
  }
  const effort = EFFORT_ORDER.slice(0, asked + 1).findLast((each) => traits.efforts.includes(each));
  if (effort === undefined) return;
  if (effort !== EFFORT_ORDER[asked]) warn("reasoning_effort", `this model's effort ends at ${effort}`);
  body.output_config = { effort };
}

function writeBudget(request: ModelRequest, body: JsonObject, warn: Warn): boolean {
  if (losesThought(request)) {
    warn(
      "reasoning_effort",
      "the turn that called tools came back without its signed thoughts, so thinking was left out",
    );
    return false;
  }
  if (continuesUnthought(request)) {
    warn("reasoning_effort", "the model does not think where it continues a begun answer; it was left out");
    return false;
  }
  const { budgetTokens, effort } = request.reasoning!;
  const wanted = budgetTokens ?? BUDGETS[effort ?? "medium"] ?? BUDGETS.medium!;
  const budget = Math.min(Math.max(wanted, MIN_BUDGET), Math.floor((body.max_tokens as number) * 0.8));
  if (budget < MIN_BUDGET) {
    warn(
      "reasoning_effort",
      `thinking needs at least ${MIN_BUDGET} tokens, and max_tokens leaves less; it was left out`,
    );
    return false;
  }
  body.thinking = { type: "enabled", budget_tokens: budget };
  return true;
}

/** In the middle of a tool loop, models with a budget want the thoughts that led to the calls. */
function losesThought(request: ModelRequest): boolean {
  const last = request.messages.findLast((message) => message.role === "assistant");
  if (last === undefined || !last.parts.some((part) => part.type === "tool-call")) return false;
  const behind = request.messages.slice(request.messages.indexOf(last) + 1);
  if (behind.some((message) => message.role === "user" && message.parts.some((part) => part.type !== "tool-result")))
    return false;
  return !hasSignedThought(last);
}

/** "When `thinking` is enabled, a final `assistant` message must start with a thinking block". */
function continuesUnthought({ messages }: ModelRequest): boolean {
  const last = messages.at(-1);
  return last?.role === "assistant" && last.parts.length > 0 && !hasSignedThought(last);
}

function hasSignedThought({ parts }: Message): boolean {
  return parts.some((part) => part.type === "reasoning" && (part.redacted !== undefined || Boolean(part.signature)));
}

/** @param thinking with it on, only the defaults of sampling are allowed. */
export function writeSampling(
  request: ModelRequest,
  traits: ModelTraits,
  thinking: boolean,
  body: JsonObject,
  warn: Warn,
): void {
  const { temperature, topP, topK } = request;
  const none =
    traits.sampling === "none"
      ? "this model does not take it"
      : thinking
        ? "not allowed while the model thinks"
        : undefined;
  if (none !== undefined) {
    if (temperature !== undefined && temperature !== 1) warn("temperature", `${none}; it was left out`);
    if (topP !== undefined && topP !== 1) warn("top_p", `${none}; it was left out`);
    if (topK !== undefined) warn("top_k", `${none}; it was left out`);
    return;
  }
  if (temperature !== undefined) {
    if (temperature > 1) warn("temperature", "Anthropic's temperatures end at 1, which was sent");
    body.temperature = Math.min(temperature, 1);
  }
  if (topP !== undefined) {
    if (temperature === undefined || traits.sampling === "all") body.top_p = topP;
    else if (topP !== 1) warn("top_p", "this model takes temperature or top_p, not both; top_p was left out");
  }
  if (topK !== undefined) body.top_k = topK;
}

export function writeLimits(request: ModelRequest, traits: ModelTraits, body: JsonObject, warn: Warn): void {
  const wanted = request.maxOutputTokens ?? traits.defaultOutput;
  if (wanted > traits.maxOutput)
    warn("max_tokens", `this model writes at most ${traits.maxOutput} tokens, which were asked for`);
  body.max_tokens = Math.min(wanted, traits.maxOutput);
  const stop = request.stop?.filter((word) => word !== "");
  if (stop !== undefined && stop.length > 0) body.stop_sequences = stop;
}

export function writeCaller(request: ModelRequest, body: JsonObject, warn: Warn): void {
  if (request.endUser !== undefined && request.endUser !== "") {
    if (request.endUser.length <= MAX_USER_ID) body.metadata = { user_id: request.endUser };
    else warn("user", `Anthropic takes at most ${MAX_USER_ID} characters; it was left out`);
  }
  if (request.serviceTier === undefined) return;
  const tier = TIERS[request.serviceTier];
  if (tier !== undefined) body.service_tier = tier;
  else warn("service_tier", "Anthropic has no such tier; it was left out");
}

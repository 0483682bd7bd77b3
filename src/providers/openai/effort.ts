import type { JsonObject } from "../../kernel/json.ts";
import type { ChatRequestForm } from "../../spec/chat-form.ts";
import type { ModelRequest, ReasoningRequest } from "../../spec/request.ts";
import type { Losses } from "./losses.ts";
import type { Quirks } from "./quirks.ts";

/**
 * Largest budget, in tokens, that still counts as low and as medium effort. Anthropic's
 * smallest budget is 1,024; Claude Code asks for 4,000, 10,000 and 31,999 when it is told to
 * think, to think hard and to think hardest.
 */
const LOW_BUDGET = 4_096;
const MEDIUM_BUDGET = 16_384;

/** Words of other dialects for more than OpenAI's `high`. */
const EFFORTS: Record<string, string> = { max: "high", xhigh: "high" };

/** How much to think, in the caller's own words or in those of the server. */
export function writeReasoning(
  request: ModelRequest,
  model: string,
  form: ChatRequestForm,
  quirks: Quirks,
  losses: Losses,
  body: JsonObject,
): void {
  const { reasoning } = request;
  if (reasoning === undefined) return;
  const sameWords = quirks.effortWords && request.dialect === "openai-responses";
  if (losses.own) writeOwn(reasoning, form, body);
  else if (sameWords && reasoning.effort !== undefined && quirks.thinks(model))
    body.reasoning_effort = reasoning.effort;
  else writeForeign(reasoning, model, quirks, losses, body);
}

function writeOwn(reasoning: ReasoningRequest, form: ChatRequestForm, body: JsonObject): void {
  const { effort, budgetTokens, enabled } = reasoning;
  if (form.reasoning === "thinking") {
    const thinking: JsonObject = { type: enabled === false ? "disabled" : (form.thinking ?? "enabled") };
    if (budgetTokens !== undefined) thinking.budget_tokens = budgetTokens;
    body.thinking = thinking;
  } else if (form.reasoning === "reasoning") {
    const wanted: JsonObject = {};
    if (effort !== undefined) wanted.effort = effort;
    if (budgetTokens !== undefined) wanted.max_tokens = budgetTokens;
    if (enabled !== undefined && effort !== "none") wanted.enabled = enabled;
    body.reasoning = wanted;
  } else if (effort !== undefined) body.reasoning_effort = effort;
}

/** `reasoning_effort` for a budget of tokens. */
export function effortOf(budgetTokens: number): string {
  return budgetTokens <= LOW_BUDGET ? "low" : budgetTokens <= MEDIUM_BUDGET ? "medium" : "high";
}

function writeForeign(
  reasoning: ReasoningRequest,
  model: string,
  quirks: Quirks,
  losses: Losses,
  body: JsonObject,
): void {
  const { enabled, budgetTokens } = reasoning;
  const effort = reasoning.effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
  const off = enabled === false;
  if (quirks.reasoning === "none" || !quirks.thinks(model)) {
    if (!off) losses.warn("thinking", "the model cannot be asked to think; the wish was left out");
    return;
  }
  switch (quirks.reasoning) {
    case "object":
      if (off) body.reasoning = { enabled: false };
      else if (budgetTokens !== undefined) body.reasoning = { max_tokens: budgetTokens };
      else body.reasoning = effort === undefined ? { enabled: true } : { effort: EFFORTS[effort] ?? effort };
      return;
    case "thinking":
      body.thinking = { type: off ? "disabled" : "enabled" };
      return;
    case "enable_thinking":
      body.enable_thinking = !off;
      if (!off && budgetTokens !== undefined) body.thinking_budget = budgetTokens;
      return;
    case "effort":
      if (!off && effort !== undefined) body.reasoning_effort = EFFORTS[effort] ?? effort;
      else if (off && quirks.effortNone) body.reasoning_effort = "none";
      else if (off) losses.warn("thinking", "thinking cannot be switched off here; the model's default holds");
  }
}

import type { JsonObject } from "../../kernel/json.ts";
import type { Warning } from "../../spec/adapter.ts";
import type { ModelRequest, ReasoningRequest } from "../../spec/request.ts";
import { bodyField } from "./known-parameters.ts";
import { type Given, given, type ParameterName, spelledFor, withoutAliases, withoutPath } from "./parameter-names.ts";
import { policedTools, type ToolPolicy } from "./tool-policy.ts";

/** Words for how much to think, from none on. */
export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof EFFORTS)[number];

/** What may be set for the caller. `reasoning` is an effort; budgets are in tokens. */
export interface ParameterValues {
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  seed?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  serviceTier?: string;
  parallelToolCalls?: boolean;
  reasoning?: Effort;
}

/** The most that is passed on. */
export interface ParameterCaps {
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  choices?: number;
  reasoning?: Effort;
  reasoningTokens?: number;
}

/** What an API does with the parameters of its callers. */
export interface ParameterPolicy {
  /** Where the caller says nothing. */
  defaults?: ParameterValues;
  /** What is more is lowered, with a warning. The output is bounded by it even where the caller sets no bound. */
  caps?: ParameterCaps;
  /** Whatever the caller says. */
  pins?: ParameterValues;
  /** Canonical names, or names of the caller's dialect. Absent: all are taken. */
  allow?: readonly string[];
  /** Refused, whatever `allow` says. */
  deny?: readonly string[];
  tools?: ToolPolicy;
  /** Providers that can be told are told not to keep the call. */
  store?: false;
  /** Providers that can be told are told not to learn from the call. */
  training?: false;
}

/** The request as it may go on, or the caller's field that may not. */
export type Policed =
  | { request: ModelRequest; warnings: readonly Warning[] }
  | { refused: { field: string; message: string } };

/**
 * A request under its API's policy: what is not allowed refuses it, pins and defaults are set,
 * and what is above a cap is lowered. The caller's own request is not changed.
 */
export function policed(request: ModelRequest, policy: ParameterPolicy): Policed {
  const forbidden = given(request).find((parameter) => !isAllowed(parameter, policy));
  if (forbidden !== undefined) {
    // A field may be as long as a body.
    const field = forbidden.field.slice(0, 200);
    return refusal(field, `This API does not take ${JSON.stringify(field)}.`);
  }
  const tools = policedTools(request, policy.tools);
  if ("field" in tools) return refusal(tools.field, tools.message);
  const draft = new Draft(request, tools.warnings);
  if (tools.request.tools !== undefined) draft.request.tools = tools.request.tools;
  const { operation } = request;
  // Embeddings, counts and their like have no answer that these could shape; legacy completions have.
  if (operation === undefined || operation.type === "complete") draft.shape(policy);
  else if (policy.caps?.choices !== undefined) draft.capRelayed(policy.caps.choices);
  if (policy.store === false) draft.keepNothing();
  if (policy.training === false) draft.request.training = false;
  return { request: draft.request, warnings: draft.warnings };
}

function refusal(field: string, message: string): Policed {
  return { refused: { field, message } };
}

/** What a header switches on is a field of the body, so headers need not be listed to be taken. */
function isAllowed({ name, field, header }: Given, { allow, deny }: ParameterPolicy): boolean {
  const isIn = (names: readonly string[]) =>
    names.includes(field) || names.includes(bodyField(field)) || (name !== undefined && names.includes(name));
  if (deny !== undefined && isIn(deny)) return false;
  return allow === undefined || header === true || isIn(allow);
}

type Plain = Exclude<keyof ParameterValues, "reasoning">;
const PLAIN = [
  ...["maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty"],
  ...["serviceTier", "parallelToolCalls"],
] as const as readonly Plain[];

const CAPPED = ["maxOutputTokens", "temperature", "topP", "topK", "choices"] as const;

/** Anthropic's smallest budget of reasoning, in tokens. */
const MIN_BUDGET = 1_024;

/** A request being brought under a policy. */
class Draft {
  readonly request: ModelRequest;
  readonly warnings: Warning[];

  constructor(request: ModelRequest, warnings: readonly Warning[]) {
    this.request = { ...request };
    this.warnings = [...warnings];
  }

  shape({ pins = {}, defaults = {}, caps = {} }: ParameterPolicy): void {
    for (const name of PLAIN) {
      if (pins[name] !== undefined) this.#pin(name, pins[name]);
      else if (defaults[name] !== undefined && this.request[name] === undefined) this.#set(name, defaults[name]);
    }
    if (pins.reasoning !== undefined) this.#pinReasoning(pins.reasoning);
    else if (defaults.reasoning !== undefined && this.request.reasoning === undefined) {
      this.request.reasoning = this.#reasoningOf(defaults.reasoning);
    }
    for (const name of CAPPED) if (caps[name] !== undefined) this.#cap(name, caps[name]);
    if (caps.choices !== undefined) this.#capBestOf(caps.choices);
    this.#capReasoning(caps);
    this.#fitBudget();
  }

  keepNothing(): void {
    this.request.store = false;
    if (this.request.extra?.store !== undefined && this.request.extra.store !== false) {
      this.#warn("store", "this API lets nothing be stored; it was left out");
    }
    this.#without("store");
  }

  /** Pictures asked for at once. */
  capRelayed(most: number): void {
    const { operation, choices } = this.request;
    if (operation?.type !== "relay" || choices === undefined || choices <= most) return;
    this.#warn("n", `this API takes at most ${most}, which was asked for instead of ${choices}`);
    this.request.choices = most;
    this.request.operation = { ...operation, fields: { ...operation.fields, n: most } };
  }

  /** More answers than may be given are not written either. */
  #capBestOf(most: number): void {
    const { operation } = this.request;
    if (operation?.type !== "complete" || operation.bestOf === undefined || operation.bestOf <= most) return;
    this.#warn("best_of", `this API takes at most ${most}, which was asked for instead of ${operation.bestOf}`);
    this.request.operation = { ...operation, bestOf: most };
  }

  #set<Name extends keyof ModelRequest>(name: Name, value: ModelRequest[Name]): void {
    this.request[name] = value;
  }

  #pin(name: Plain, value: ParameterValues[Plain]): void {
    const asked = this.request[name];
    if (asked !== undefined && asked !== value) {
      this.#warn(this.#field(name), `this API sets it to ${String(value)}, which stands instead`);
    }
    this.#set(name, value as never);
    this.#dropAliases(name);
  }

  #cap(name: (typeof CAPPED)[number], most: number): void {
    this.#dropAliases(name);
    const asked = this.request[name];
    if (asked === undefined) {
      if (name === "maxOutputTokens") this.request.maxOutputTokens = most;
      return;
    }
    if (asked <= most) return;
    this.#warn(this.#field(name), `this API takes at most ${most}, which was asked for instead of ${asked}`);
    this.request[name] = most;
  }

  #pinReasoning(effort: Effort): void {
    const wanted = this.#reasoningOf(effort);
    const asked = this.request.reasoning;
    if (asked !== undefined && !isSame(asked, wanted)) {
      this.#warn(this.#field("reasoning"), `this API sets the effort to ${effort}, which stands instead`);
    }
    this.#dropAliases("reasoning");
    if (effort === "none") this.#without("thinking");
    this.request.reasoning = wanted;
  }

  #capReasoning({ reasoning: most, reasoningTokens }: ParameterCaps): void {
    if (most === undefined && reasoningTokens === undefined) return;
    this.#dropAliases("reasoning");
    const asked = this.request.reasoning;
    if (asked === undefined || asked.enabled === false || asked.effort === "none") return;
    const field = this.#field("reasoning");
    if (most === "none") {
      this.#warn(field, "this API lets no model think; it was left out");
      this.#without("thinking");
      this.request.reasoning = this.#reasoningOf("none");
      return;
    }
    const lowered: ReasoningRequest = { ...asked };
    if (
      most !== undefined &&
      (asked.effort === undefined ? asked.budgetTokens === undefined : isAbove(asked.effort, most))
    ) {
      if (asked.effort !== undefined || asked.dynamic) {
        this.#warn(field, `this API takes at most ${most}, which was asked for instead`);
      }
      lowered.effort = most;
      delete lowered.dynamic;
    }
    const tokens = lowered.dynamic ? Number.POSITIVE_INFINITY : (asked.budgetTokens ?? 0);
    if (reasoningTokens !== undefined && tokens > reasoningTokens) {
      this.#warn(field, `this API takes at most ${reasoningTokens} tokens, which were asked for instead`);
      lowered.budgetTokens = reasoningTokens;
      delete lowered.dynamic;
    }
    this.request.reasoning = lowered;
  }

  /** A budget of reasoning is part of the output; providers refuse one that is no smaller. */
  #fitBudget(): void {
    const { reasoning, maxOutputTokens } = this.request;
    const budget = reasoning?.budgetTokens;
    if (budget === undefined || maxOutputTokens === undefined || budget < maxOutputTokens) return;
    const field = this.#field("reasoning");
    if (maxOutputTokens > MIN_BUDGET) {
      this.request.reasoning = { ...reasoning, budgetTokens: maxOutputTokens - 1 };
      this.#warn(field, `the budget was lowered to what the bound of the output leaves, ${maxOutputTokens - 1} tokens`);
    } else {
      this.request.reasoning = this.#reasoningOf("none");
      this.#warn(field, "the bound of the output leaves nothing to think with; it was left out");
    }
  }

  /** In the words that the caller's own dialect has for it, should its provider speak that dialect. */
  #reasoningOf(effort: Effort): ReasoningRequest {
    if (effort !== "none") return { enabled: true, effort };
    return this.request.dialect.startsWith("openai-") ? { enabled: false, effort } : { enabled: false };
  }

  #dropAliases(name: ParameterName): void {
    const { extra } = this.request;
    if (extra === undefined) return;
    const left = withoutAliases(extra, name);
    for (const field of left.removed) this.#warn(field, "this API bounds what it means; it was left out");
    if (left.removed.length > 0) this.#keep(left.extra);
  }

  #without(path: string): void {
    const left = withoutPath(this.request.extra ?? {}, path);
    if (left !== undefined) this.#keep(left);
  }

  #keep(extra: JsonObject): void {
    if (Object.keys(extra).length > 0) this.request.extra = extra;
    else delete this.request.extra;
  }

  #field(name: ParameterName): string {
    return spelledFor(this.request, name);
  }

  #warn(field: string, message: string): void {
    this.warnings.push({ field, message });
  }
}

/** A word that nobody knows may mean anything, so it counts as above. */
function isAbove(effort: string, most: Effort): boolean {
  const at = (EFFORTS as readonly string[]).indexOf(effort);
  return at === -1 || at > EFFORTS.indexOf(most);
}

function isSame(asked: ReasoningRequest, wanted: ReasoningRequest): boolean {
  if (wanted.enabled === false) return asked.enabled === false || asked.effort === "none";
  return asked.effort === wanted.effort && asked.budgetTokens === undefined && asked.enabled !== false;
}

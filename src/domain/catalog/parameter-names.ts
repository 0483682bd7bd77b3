import { foldedName } from "../../kernel/field-name.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { GeminiRequestForm } from "../../spec/gemini-form.ts";
import { parametersOf } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";

/** What of a request a policy may speak of, by its canonical name. Prompt, model and the switch of the stream are none. */
export type ParameterName =
  | "maxOutputTokens"
  | "temperature"
  | "topP"
  | "topK"
  | "choices"
  | "stop"
  | "seed"
  | "presencePenalty"
  | "frequencyPenalty"
  | "logprobs"
  | "topLogprobs"
  | "logitBias"
  | "reasoning"
  | "responseFormat"
  | "tools"
  | "toolChoice"
  | "parallelToolCalls"
  | "serviceTier"
  | "endUser";

/** One parameter, and what callers call it. */
interface Row {
  name: ParameterName;
  /** Fields in OpenAI's Chat Completions, Responses, Anthropic's Messages, Gemini's and Ollama's dialect; "" where there is none. */
  spelled: readonly [chat: string, responses: string, anthropic: string, gemini: string, ollama: string];
  /**
   * Fields of some provider that mean the same and have no canonical name. They would go around
   * a cap or a pin, so they are taken out where there is one, in whatever spelling (`MAX_TOKENS`).
   */
  aliases: readonly string[];
}

const COLUMNS: Partial<Record<Dialect, number>> = {
  "openai-chat": 0,
  "openai-responses": 1,
  "anthropic-messages": 2,
  gemini: 3,
  ollama: 4,
};

const GENERATION = "generationConfig";

/** Sources: the API references of the dialects, and of vLLM, llama.cpp, DashScope, Mistral and Together. */
// biome-ignore format: a table, one row a line
const ROWS: readonly Row[] = [
  row("maxOutputTokens", ["max_completion_tokens", "max_output_tokens", "max_tokens", `${GENERATION}.maxOutputTokens`, "options.num_predict"],
    ["max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens", "max_tokens_to_sample", "max_gen_len", "max_length",
     "max_token_count", "n_predict", "num_predict", "options.n_predict", "min_tokens", "min_new_tokens", "min_output_tokens", "min_length"]),
  row("temperature", ["temperature", "temperature", "temperature", `${GENERATION}.temperature`, "options.temperature"], ["options.temp"]),
  row("topP", ["top_p", "top_p", "top_p", `${GENERATION}.topP`, "options.top_p"], ["p"]),
  row("topK", ["top_k", "", "top_k", `${GENERATION}.topK`, "options.top_k"], ["top_k", "k", "options.top_k"]),
  row("choices", ["n", "", "", `${GENERATION}.candidateCount`, ""], ["n", "best_of", "candidate_count", "num_generations", "num_return_sequences", "num_completions", "num_choices",
     "n_samples", "num_samples", "num_beams", "beam_width"]),
  row("stop", ["stop", "", "stop_sequences", `${GENERATION}.stopSequences`, "options.stop"], ["stop_token_ids"]),
  row("seed", ["seed", "", "", `${GENERATION}.seed`, "options.seed"], ["random_seed"]),
  row("presencePenalty", ["presence_penalty", "", "", `${GENERATION}.presencePenalty`, "options.presence_penalty"], []),
  row("frequencyPenalty", ["frequency_penalty", "", "", `${GENERATION}.frequencyPenalty`, "options.frequency_penalty"], []),
  row("logprobs", ["logprobs", "include", "", `${GENERATION}.responseLogprobs`, "logprobs"], ["prompt_logprobs", "n_probs"]),
  row("topLogprobs", ["top_logprobs", "top_logprobs", "", `${GENERATION}.logprobs`, "top_logprobs"], ["prompt_logprobs", "n_probs"]),
  row("logitBias", ["logit_bias", "", "", "", ""], []),
  row("reasoning", ["reasoning_effort", "reasoning", "thinking", `${GENERATION}.thinkingConfig`, "think"],
    ["reasoning.effort", "reasoning.max_tokens", "reasoning.enabled", "thinking.type", "thinking.budget_tokens", "enable_thinking",
     "thinking_budget", "reasoning_effort", "reasoning_budget", "output_config.effort", "chat_template_kwargs", "think"]),
  row("responseFormat", ["response_format", "text.format", "output_config.format", `${GENERATION}.responseMimeType`, "format"], []),
  row("tools", ["tools", "tools", "tools", "tools", "tools"], []),
  row("toolChoice", ["tool_choice", "tool_choice", "tool_choice", "toolConfig.functionCallingConfig", ""], []),
  row("parallelToolCalls", ["parallel_tool_calls", "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "", ""], []),
  row("serviceTier", ["service_tier", "service_tier", "service_tier", "serviceTier", ""], []),
  row("endUser", ["user", "user", "metadata.user_id", "", ""], []),
];

function row(name: ParameterName, spelled: Row["spelled"], aliases: readonly string[]): Row {
  return { name, spelled, aliases };
}

const BY_NAME = new Map(ROWS.map((entry) => [entry.name, entry]));

/** Names that are compared in whatever spelling. */
const ALIASES = ROWS.map(({ name, aliases }) => [name, aliases.map(foldedName)] as const);
const ALIASES_OF = new Map(ALIASES);

/** Every word for a parameter that has a canonical name: that name first, and what dialects and providers call it. */
export function parameterWords(): string[] {
  const spelled = ROWS.flatMap((entry) => [...entry.spelled, ...entry.aliases]).filter((word) => word !== "");
  return [...ROWS.map(({ name }) => name), ...spelled];
}

/** The caller's own name of a parameter; the canonical one where its dialect has none. */
export function spelledFor(request: Pick<ModelRequest, "dialect" | "form">, name: ParameterName): string {
  if (name === "maxOutputTokens" && request.dialect === "openai-completions") return "max_tokens";
  const form = request.dialect === "openai-chat" ? request.form : undefined;
  if (name === "maxOutputTokens" && typeof form?.maxTokens === "string") return form.maxTokens;
  if (name === "reasoning" && typeof form?.reasoning === "string") return form.reasoning;
  if (form?.functions === true && name === "tools") return "functions";
  if (form?.functions === true && name === "toolChoice") return "function_call";
  const spelled = BY_NAME.get(name)!.spelled[COLUMNS[request.dialect] ?? 0];
  return spelled === undefined || spelled === "" ? name : spelled;
}

/** One parameter that the caller gave. */
export interface Given {
  /** Absent where there is no canonical one. */
  name?: ParameterName;
  /** The caller's field. */
  field: string;
  /** It is no field of the body, but a header of the caller's dialect. */
  header?: true;
}

/** Parameters that the caller gave, those that have no canonical name included. */
export function given(request: ModelRequest): Given[] {
  const found: Given[] = [];
  for (const { name } of ROWS) if (request[name] !== undefined) found.push({ name, field: spelledFor(request, name) });
  if ((request.form as GeminiRequestForm | undefined)?.includeThoughts === true && request.dialect === "gemini") {
    found.push({ name: "reasoning", field: `${GENERATION}.thinkingConfig.includeThoughts` });
  }
  const fields = [...fieldsOf(request.extra ?? {}), ...parametersOf(request.operation)];
  for (const field of fields) {
    const plain = foldedName(field);
    const meant = ALIASES.find(([, aliases]) =>
      aliases.some((alias) => alias === plain || alias.startsWith(`${plain}.`)),
    );
    if (meant !== undefined) found.push({ name: meant[0], field });
    else if (!found.some((other) => other.field === field)) found.push({ field });
  }
  for (const field of Object.keys(request.headers ?? {})) found.push({ field, header: true });
  return found;
}

/** Ollama's options are parameters themselves. */
function fieldsOf(extra: JsonObject): string[] {
  return Object.keys(extra).flatMap((name) => {
    const value = extra[name];
    return name === "options" && isObject(value) ? Object.keys(value).map((option) => `options.${option}`) : [name];
  });
}

/** Takes out what would go around a rule about `name`. @returns what is left, and the fields that are not. */
export function withoutAliases(extra: JsonObject, name: ParameterName): { extra: JsonObject; removed: string[] } {
  const removed: string[] = [];
  let left = extra;
  const aliases = ALIASES_OF.get(name)!;
  for (const field of fieldsWithin(extra)) {
    if (!aliases.includes(foldedName(field))) continue;
    const without = withoutPath(left, field);
    if (without === undefined) continue;
    left = without;
    removed.push(field);
  }
  return { extra: left, removed };
}

/** Fields, and those of the objects in them, as paths. */
function fieldsWithin(extra: JsonObject): string[] {
  return Object.keys(extra).flatMap((name) => {
    const value = extra[name];
    return isObject(value) ? [name, ...Object.keys(value).map((inner) => `${name}.${inner}`)] : [name];
  });
}

/** A copy without the field at a path with dots, which may itself be a name with dots; undefined where there is none. */
export function withoutPath(object: JsonObject, path: string): JsonObject | undefined {
  if (Object.hasOwn(object, path)) {
    const { [path]: _, ...rest } = object;
    return rest;
  }
  const dot = path.indexOf(".");
  if (dot === -1) return undefined;
  const first = path.slice(0, dot);
  const inner: Json | undefined = Object.hasOwn(object, first) ? object[first] : undefined;
  const left = isObject(inner) ? withoutPath(inner, path.slice(dot + 1)) : undefined;
  if (left === undefined) return undefined;
  if (Object.keys(left).length > 0) return { ...object, [first]: left };
  const { [first]: _, ...rest } = object;
  return rest;
}

import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { EventPart, TokenLogprob } from "../../spec/event.ts";
import { failureWord } from "../../spec/failure-word.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { ResponsesRequestForm } from "../../spec/responses-form.ts";
import type { Usage } from "../../spec/usage.ts";
import type { EncoderContext } from "../../spec/wire.ts";
import { writeChoice, writeTools } from "./tools.ts";

type Finish = Extract<EventPart, { type: "finish" }>;

/** OpenAI's. Strict clients fail on another provider's words (Groq's `on_demand`). */
const TIERS: ReadonlySet<string> = new Set(["auto", "default", "flex", "scale", "priority"]);

/** The response object: what it says of itself, and of the request, as OpenAI repeats it. */
export class ResponseHead {
  readonly #request: ModelRequest;
  readonly #form: ResponsesRequestForm;
  readonly #context: EncoderContext;
  #start: Extract<EventPart, { type: "start" }> = { type: "start" };
  #usage: Partial<Usage> | undefined;
  #finish: Finish | undefined;
  /** The provider's own fields, where it speaks this dialect. */
  #rest: JsonObject = {};
  #asked: JsonObject | undefined;

  constructor(request: ModelRequest, context: EncoderContext) {
    this.#request = request;
    this.#form = request.dialect === "openai-responses" ? ((request.form ?? {}) as ResponsesRequestForm) : {};
    this.#context = context;
  }

  begin(start: Extract<EventPart, { type: "start" }>): void {
    this.#start = start;
  }

  count(usage: Partial<Usage>): void {
    this.#usage = { ...this.#usage, ...usage };
  }

  finish(finish: Finish): void {
    this.#finish ??= finish;
  }

  /** Whether its caller had the provider stop it (`POST /v1/responses/{id}/cancel`), in OpenAI's word. */
  get #wasStopped(): boolean {
    return this.#finish?.reason === "other" && this.#finish.raw === "cancelled";
  }

  /** Whether the answer stops in mid-word. */
  get isCut(): boolean {
    const reason = this.#finish?.reason;
    return (
      this.#wasStopped ||
      reason === "length" ||
      reason === "content-filter" ||
      reason === "refusal" ||
      reason === "failed"
    );
  }

  merge(rest: JsonObject): void {
    this.#rest = { ...this.#rest, ...rest };
  }

  /** An id for something in this answer that has none of its own. */
  id(prefix: string, index?: number): string {
    const call = this.#context.requestId.replace(/^[a-z]+_/, "");
    return index === undefined ? `${prefix}_${call}` : `${prefix}_sp_${call}_${index}`;
  }

  inProgress(): JsonObject {
    return this.#body("in_progress", [], null, null);
  }

  /** @returns its `status` beside the response as it stands at the end */
  ended(output: JsonObject[]): JsonObject {
    const { reason, raw = null } = this.#finish ?? {};
    if (this.#wasStopped) return this.#body("cancelled", output, null, null);
    if (!this.isCut) return this.#body("completed", output, null, null);
    // `incomplete` has two reasons, and neither is that what the model wrote came to nothing.
    if (reason === "failed")
      return this.failed(output, "server_error", `The answer came to nothing: ${failureWord(raw)}.`);
    const why = reason === "length" ? "max_output_tokens" : "content_filter";
    return this.#body("incomplete", output, { reason: why }, null);
  }

  failed(output: JsonObject[], code: string, message: string): JsonObject {
    return this.#body("failed", output, null, { code, message });
  }

  #body(status: string, output: JsonObject[], incomplete: Json, error: Json): JsonObject {
    const { model, serviceTier } = this.#request;
    const tier = TIERS.has(String(this.#start.extra?.service_tier)) ? this.#start.extra!.service_tier! : serviceTier;
    this.#asked ??= this.#repeated();
    return {
      id: this.#start.id ?? this.id("resp"),
      object: "response",
      created_at: this.#start.created ?? this.#context.created,
      ...this.#asked,
      ...(tier === undefined ? {} : { service_tier: tier }),
      ...this.#rest,
      status,
      error,
      incomplete_details: incomplete,
      model: this.#start.model ?? model,
      output,
      usage: this.#usage === undefined ? null : usageBody(this.#usage),
    };
  }

  /** The request's own settings. What the caller left out is null or OpenAI's default. */
  #repeated(): JsonObject {
    const request = this.#request;
    const { reasoning, extra = {}, messages } = request;
    const first = messages[0]?.parts[0];
    const text: JsonObject = { format: formatOf(request) };
    if (extra["text.verbosity"] !== undefined) text.verbosity = extra["text.verbosity"];
    return {
      background: false,
      instructions: this.#form.instructions === true && first?.type === "text" ? first.text : null,
      max_output_tokens: request.maxOutputTokens ?? null,
      metadata: isObject(extra.metadata) ? extra.metadata : {},
      parallel_tool_calls: request.parallelToolCalls ?? true,
      previous_response_id: null,
      reasoning: { effort: reasoning?.effort ?? null, summary: this.#form.summary ?? null },
      // Nothing is stored here, whatever was wished.
      store: false,
      temperature: request.temperature ?? null,
      text,
      tool_choice: writeChoice(request.toolChoice, this.#form),
      tools: writeTools(request.tools ?? []),
      top_p: request.topP ?? null,
      truncation: "disabled",
      user: request.endUser ?? null,
    };
  }
}

function formatOf({ responseFormat: format }: ModelRequest): JsonObject {
  if (format === undefined || format.type === "text") return { type: "text" };
  if (format.type === "json") return { type: "json_object" };
  const { name, schema = {}, description = null, strict = null } = format;
  return { type: "json_schema", name, description, schema, strict };
}

/** OpenAI counts cached tokens within the input and reasoning within the output, as `Usage` does. */
function usageBody(usage: Partial<Usage>): JsonObject {
  const { input = 0, output = 0 } = usage;
  const read: JsonObject = { cached_tokens: usage.cacheRead ?? 0 };
  if (usage.cacheWrite !== undefined) read.cache_write_tokens = usage.cacheWrite;
  return {
    input_tokens: input,
    input_tokens_details: read,
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + output,
  };
}

export function logprobsBody(tokens: readonly TokenLogprob[]): JsonObject[] {
  return tokens.map(({ token, logprob, bytes, top }) => ({
    token,
    logprob,
    bytes: bytes ?? [],
    top_logprobs: top.map((other) => ({ token: other.token, logprob: other.logprob, bytes: other.bytes ?? [] })),
  }));
}

/**
 * A citation as an annotation: OpenAI's own as it came, that of Chat Completions without its
 * envelope, and a web page that another dialect cites with the stretch of the text that it
 * belongs to. Others have no place here.
 */
export function annotationOf(citation: JsonObject, own: boolean, end: number): JsonObject | undefined {
  if (own) return citation;
  const nested = citation.url_citation;
  const { url, title, start_index, end_index } = isObject(nested) ? nested : citation;
  if (typeof url !== "string") return undefined;
  return {
    type: "url_citation",
    start_index: typeof start_index === "number" ? start_index : 0,
    end_index: typeof end_index === "number" ? end_index : end,
    url,
    title: typeof title === "string" ? title : url,
  };
}

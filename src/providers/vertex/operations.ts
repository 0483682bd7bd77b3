import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import {
  type AccountOptions,
  MalformedAnswer,
  type OperationApi,
  type ProviderAdapter,
  type UpstreamRequest,
} from "../../spec/adapter.ts";
import type { Embed } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { countOf } from "../counts.ts";
import { TASKS } from "../google/embed.ts";
import { Losses } from "../losses.ts";
import { textToEmbed } from "../text-to-embed.ts";
import { countParts, readOnly, vectorParts, wholeAnswer } from "../whole-answer.ts";

/** Where a model of Google's stands, without the method. */
type Place = (model: string, options: AccountOptions) => string;

const isGoogles = (model: string) => !model.startsWith("claude");

/** `countTokens` of Vertex, which takes a request's fields as they are. */
export function countApi(gemini: ProviderAdapter, placeOf: Place): OperationApi {
  return {
    dialect: "gemini",
    serves: isGoogles,
    encode(request, model, options = {}) {
      const asked = gemini.encode({ ...request, stream: false }, model, options);
      return { ...asked, path: `${placeOf(model, options)}:countTokens` };
    },
    decoder: () => wholeAnswer((answer) => countParts(answer.totalTokens)),
  };
}

/** `predict` (https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings). */
export function embedApi(placeOf: Place): OperationApi {
  return {
    dialect: "gemini",
    serves: isGoogles,
    encode: (request, model, options = {}) => encodeEmbed(request, `${placeOf(model, options)}:predict`),
    // Google's name, and not the form of the Gemini API: it cannot be relayed.
    decoder: (request) => ({ ...wholeAnswer((answer) => embedded(request, answer)), altered: true }),
  };
}

function encodeEmbed(request: ModelRequest, path: string): UpstreamRequest {
  const { inputs, dimensions, task } = request.operation as Embed;
  const losses = new Losses(false);
  const instances = inputs.map((input) => {
    const content = textToEmbed(input, "Vertex");
    const { title, taskType, ...extra } = input.extra ?? {};
    const instance: JsonObject = { content };
    const kind = task === undefined ? taskType : TASKS[task];
    if (kind !== undefined) instance.task_type = kind;
    if (title !== undefined) instance.title = title;
    losses.carry(extra, instance);
    return instance;
  });
  // A text that is too long is refused, as it is elsewhere, instead of being cut short.
  const parameters: JsonObject = { autoTruncate: false };
  if (dimensions !== undefined) parameters.outputDimensionality = dimensions;
  if (request.endUser !== undefined) losses.warn("user", "Vertex is not told who the end user is; it was left out");
  const { input_type: _told, ...extra } = request.extra ?? {};
  const body: JsonObject = { instances, parameters };
  losses.carryRequest(extra, body);
  return { method: "POST", path, headers: {}, body, warnings: losses.warnings };
}

function embedded(request: ModelRequest, { predictions }: JsonObject) {
  if (!Array.isArray(predictions)) throw new MalformedAnswer("an answer without vectors");
  let tokens: number | undefined;
  const rows = predictions.map((prediction): Json | undefined => {
    const made = isObject(prediction) ? prediction.embeddings : undefined;
    if (!isObject(made)) throw new MalformedAnswer("a prediction without vectors");
    const read = isObject(made.statistics) ? countOf(made.statistics.token_count) : undefined;
    if (read !== undefined) tokens = (tokens ?? 0) + read;
    return made.values;
  });
  return [{ type: "start" } as const, ...vectorParts(request, rows), ...readOnly(tokens)];
}

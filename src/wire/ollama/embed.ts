import { MAX_EMBED_INPUTS } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { Embed } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest, type Wire } from "../../spec/wire.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { wholeAnswer } from "../whole-answer.ts";
import { errorBody } from "./errors.ts";

/** `POST /api/embed` (https://docs.ollama.com/api/embed). */
export const ollamaEmbed: Wire = {
  dialect: "ollama",
  decode,
  encoder: (request) => wholeAnswer((parts) => answerOf(request, parts), errorBody),
  errorBody,
};

const REQUEST = new Set(["model", "input", "dimensions"]);
const MAX_DIMENSIONS = 65_536;

function decode(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const raw = fields.raw("input");
  const texts = typeof raw === "string" ? [raw] : fields.array("input", MAX_EMBED_INPUTS);
  if (texts === undefined || texts.length === 0) return fields.fail("input", "is required and must not be empty");
  const operation: Embed = {
    type: "embed",
    inputs: texts.map((text, index) => {
      if (typeof text === "string") return { text };
      throw new InvalidRequest(`input[${index}]`, `input[${index}] must be a string`);
    }),
  };
  const dimensions = fields.integer("dimensions", 1, MAX_DIMENSIONS);
  if (dimensions !== undefined) operation.dimensions = dimensions;
  const model = readModelName(fields);
  const request: ModelRequest = {
    dialect: "ollama",
    model,
    messages: [],
    stream: false,
    includeUsage: true,
    operation,
  };
  const extra = fields.extra(REQUEST);
  if (extra !== undefined) request.extra = extra;
  return request;
}

function answerOf(request: ModelRequest, parts: readonly EventPart[]): JsonObject {
  const embeddings: number[][] = [];
  let model = request.model;
  let tokens: number | undefined;
  for (const part of parts) {
    if (part.type === "start") model = part.model ?? model;
    else if (part.type === "usage") tokens = part.usage.input ?? tokens;
    else if (part.type === "result" && part.result.kind === "vector") embeddings.push([...part.result.vector]);
  }
  return { model, embeddings, ...(tokens === undefined ? {} : { prompt_eval_count: tokens }) };
}

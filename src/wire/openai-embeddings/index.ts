import { MAX_EMBED_INPUTS, MAX_EMBED_NODES } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { Embed, EmbedInput, EmbedTask } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest, type Wire } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import { Fields, readModelName } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { readTokens } from "../token-list.ts";
import { wholeAnswer } from "../whole-answer.ts";
import { toBase64 } from "./floats.ts";

/** `POST /v1/embeddings` (https://platform.openai.com/docs/api-reference/embeddings/create). */
export const openaiEmbeddings: Wire = {
  dialect: "openai-embeddings",
  maxValues: MAX_EMBED_NODES,
  decode: decodeRequest,
  encoder: (request) => wholeAnswer((parts) => answerOf(request, parts), errorBody),
  errorBody,
};

/** The same as Azure's clients ask for it: the deployment in the path is the model. */
export const azureEmbeddings: Wire = {
  ...openaiEmbeddings,
  decode(body, address) {
    const deployment = address?.params.deployment;
    return openaiEmbeddings.decode(deployment === undefined ? body : { ...body, model: deployment }, address);
  },
};

const REQUEST = new Set(["model", "input", "encoding_format", "dimensions", "user"]);

/** No model's vectors are longer. */
const MAX_DIMENSIONS = 65_536;

function decodeRequest(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const operation: Embed = { type: "embed", inputs: readInput(fields) };
  const dimensions = fields.integer("dimensions", 1, MAX_DIMENSIONS);
  if (dimensions !== undefined) operation.dimensions = dimensions;
  const encoding = fields.oneOf("encoding_format", ["float", "base64"]);
  if (encoding !== undefined) operation.encoding = encoding;
  const kind = fields.raw("input_type");
  const task = typeof kind === "string" ? TASKS.get(kind.toLowerCase()) : undefined;
  if (task !== undefined) operation.task = task;
  const request: ModelRequest = {
    dialect: "openai-embeddings",
    model: readModelName(fields),
    messages: [],
    stream: false,
    includeUsage: true,
    operation,
  };
  if (typeof body.input === "string") request.form = { input: "string" };
  const user = fields.string("user");
  if (user !== undefined) request.endUser = user;
  const extra = fields.extra(REQUEST);
  if (extra !== undefined) request.extra = extra;
  return request;
}

/** `input_type`, which OpenAI does not have and its lookalikes do, in the words of NVIDIA's and Cohere's. */
const TASKS: ReadonlyMap<string, EmbedTask> = new Map([
  ["query", "query"],
  ["search_query", "query"],
  ["passage", "document"],
  ["document", "document"],
  ["search_document", "document"],
  ["classification", "classification"],
  ["clustering", "clustering"],
]);

/** A text, a list of texts, a list of tokens, or a list of those. */
function readInput(fields: Fields): EmbedInput[] {
  const input = fields.raw("input");
  if (typeof input === "string") return [textInput(input, "input")];
  if (!Array.isArray(input)) return fields.fail("input", "is required and must be a string or an array");
  if (input.length === 0) return fields.fail("input", "must not be empty");
  if (input.every((item) => typeof item === "number")) return [{ tokens: readTokens(input, "input") }];
  if (input.length > MAX_EMBED_INPUTS) return fields.fail("input", `must have at most ${MAX_EMBED_INPUTS} items`);
  return input.map((item, index) => {
    const path = `input[${index}]`;
    if (typeof item === "string") return textInput(item, path);
    if (Array.isArray(item)) return { tokens: readTokens(item, path) };
    throw new InvalidRequest(path, `${path} must be a string or an array of tokens`);
  });
}

function textInput(text: string, path: string): EmbedInput {
  if (text === "") throw new InvalidRequest(path, `${path} must not be empty`);
  return { text };
}

function answerOf(request: ModelRequest, parts: readonly EventPart[]): JsonObject {
  const { encoding } = request.operation as Embed;
  const data: JsonObject[] = [];
  let model = request.model;
  let tokens = 0;
  for (const part of parts) {
    if (part.type === "start") model = part.model ?? model;
    else if (part.type === "usage") tokens = part.usage.input ?? tokens;
    else if (part.type === "result" && part.result.kind === "vector") {
      const { index, vector } = part.result;
      data.push({ object: "embedding", index, embedding: encoding === "base64" ? toBase64(vector) : [...vector] });
    }
  }
  return { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

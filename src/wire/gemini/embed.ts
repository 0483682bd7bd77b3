import { MAX_EMBED_INPUTS, MAX_MODEL_NAME } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { Embed, EmbedInput, EmbedTask } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest, type RequestAddress, type Wire } from "../../spec/wire.ts";
import type { Fields } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { wholeAnswer } from "../whole-answer.ts";
import { errorBody } from "./errors.ts";
import { camelFields, list } from "./fields.ts";

/** `models/{model}:embedContent` (https://ai.google.dev/api/embeddings). */
export const geminiEmbed: Wire = embedding(false);

/** `models/{model}:batchEmbedContents`. */
export const geminiBatchEmbed: Wire = embedding(true);

function embedding(batch: boolean): Wire {
  return {
    dialect: "gemini",
    decode: (body, address) => (batch ? decodeBatch(body, address) : decodeOne(body, address)),
    encoder: () => wholeAnswer((parts) => answerOf(parts, batch), errorBody),
    errorBody,
  };
}

const REQUEST = new Set(["model", "content", "taskType", "outputDimensionality"]);
const BATCH = new Set(["requests", "model"]);
const CONTENT = new Set(["parts", "role"]);
const MAX_DIMENSIONS = 65_536;

const TASKS: ReadonlyMap<string, EmbedTask> = new Map([
  ["RETRIEVAL_QUERY", "query"],
  ["RETRIEVAL_DOCUMENT", "document"],
  ["SEMANTIC_SIMILARITY", "similarity"],
  ["CLASSIFICATION", "classification"],
  ["CLUSTERING", "clustering"],
]);

function decodeOne(body: JsonObject, address: RequestAddress | undefined): ModelRequest {
  const fields = camelFields(body, "");
  refuseUpstreamFields(fields);
  const operation: Embed = { type: "embed", inputs: [readInput(fields)] };
  readSettings(fields, operation);
  return requestOf(operation, fields, address, { embed: "one" });
}

function decodeBatch(body: JsonObject, address: RequestAddress | undefined): ModelRequest {
  const fields = camelFields(body, "");
  refuseUpstreamFields(fields);
  const requests = fields.array("requests", MAX_EMBED_INPUTS);
  if (requests === undefined || requests.length === 0) return fields.fail("requests", "must have at least one request");
  const operation: Embed = { type: "embed", inputs: [] };
  for (const [index, each] of requests.entries()) {
    const one = camelFields(each, `requests[${index}]`);
    refuseUpstreamFields(one);
    operation.inputs.push(readInput(one));
    const settings: Embed = { type: "embed", inputs: [] };
    readSettings(one, settings);
    if (index === 0) Object.assign(operation, settings, { inputs: operation.inputs });
    else if (settings.dimensions !== operation.dimensions || settings.task !== operation.task) {
      const field = settings.task === operation.task ? "outputDimensionality" : "taskType";
      one.fail(field, "must be the same in all requests of a batch");
    }
  }
  const request = requestOf(operation, fields, address, {});
  const extra = fields.extra(BATCH);
  if (extra !== undefined) request.extra = extra;
  return request;
}

function requestOf(
  operation: Embed,
  fields: Fields,
  address: RequestAddress | undefined,
  form: JsonObject,
): ModelRequest {
  const model = address?.params.model ?? fields.requiredString("model").replace(/^models\//, "");
  if (model === "" || model.length > MAX_MODEL_NAME) {
    return fields.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
  }
  return { dialect: "gemini", model, messages: [], stream: false, includeUsage: true, operation, form };
}

function readSettings(fields: Fields, operation: Embed): void {
  const dimensions = fields.integer("outputDimensionality", 1, MAX_DIMENSIONS);
  if (dimensions !== undefined) operation.dimensions = dimensions;
  const task = TASKS.get(fields.string("taskType") ?? "");
  if (task !== undefined) operation.task = task;
}

/** One content, whose texts make one vector. */
function readInput(fields: Fields): EmbedInput {
  if (!fields.has("content")) return fields.fail("content", "is required");
  const path = fields.path("content");
  const raw = fields.raw("content");
  // Older clients send the text as it is.
  const text = typeof raw === "string" ? raw : textOf(camelFields(raw, path), path);
  if (text === "") throw new InvalidRequest(path, `${path} must not be empty`);
  const input: EmbedInput = { text };
  const extra: JsonObject = fields.extra(REQUEST) ?? {};
  const task = fields.string("taskType");
  if (task !== undefined && !TASKS.has(task)) extra.taskType = task;
  if (Object.keys(extra).length > 0) input.extra = extra;
  return input;
}

function textOf(content: Fields, path: string): string {
  const unknown = Object.keys(content.extra(CONTENT) ?? {})[0];
  if (unknown !== undefined) content.fail(unknown, "is not a field of a content");
  const parts = list(content, "parts", MAX_EMBED_INPUTS);
  if (parts === undefined || parts.length === 0) return content.fail("parts", "must have at least one part");
  return parts.map((part: Json, index) => textOfPart(part, `${path}.parts[${index}]`)).join("\n");
}

function textOfPart(part: Json, path: string): string {
  if (isObject(part) && typeof part.text === "string") return part.text;
  throw new InvalidRequest(path, `${path} must have a text: the gateway embeds text only`);
}

function answerOf(parts: readonly EventPart[], batch: boolean): JsonObject {
  const embeddings: JsonObject[] = [];
  let tokens: number | undefined;
  for (const part of parts) {
    if (part.type === "usage") tokens = part.usage.input ?? tokens;
    if (part.type === "result" && part.result.kind === "vector") embeddings.push({ values: [...part.result.vector] });
  }
  const usage = tokens === undefined ? {} : { usageMetadata: { promptTokenCount: tokens } };
  return batch ? { embeddings, ...usage } : { embedding: embeddings[0] ?? {}, ...usage };
}

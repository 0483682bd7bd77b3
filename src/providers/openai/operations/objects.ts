import { isObject, type JsonObject } from "../../../kernel/json.ts";
import {
  type AnswerDecoder,
  type OperationApi,
  UnsupportedFeature,
  type UpstreamRequest,
} from "../../../spec/adapter.ts";
import type { ObjectCall, ObjectVerb } from "../../../spec/operation.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { keptAnswer } from "../../whole-answer.ts";
import { errorInside } from "../errors.ts";
import { ResponsesDecoder } from "../responses/events.ts";
import { usedByResponse } from "../responses/used.ts";
import { usedByBatch } from "./used.ts";

type Verb = Exclude<ObjectVerb, "batches.delete" | "batches.results">;

/** Method and path of each, relative to the base URL; `{id}` stands for the id. */
const ADDRESSES: Readonly<Record<Verb, readonly [UpstreamRequest["method"], string]>> = {
  "files.create": ["POST", "/files"],
  "files.retrieve": ["GET", "/files/{id}"],
  "files.content": ["GET", "/files/{id}/content"],
  "files.delete": ["DELETE", "/files/{id}"],
  "batches.create": ["POST", "/batches"],
  "batches.retrieve": ["GET", "/batches/{id}"],
  "batches.cancel": ["POST", "/batches/{id}/cancel"],
  "responses.retrieve": ["GET", "/responses/{id}"],
  "responses.items": ["GET", "/responses/{id}/input_items"],
  "responses.cancel": ["POST", "/responses/{id}/cancel"],
  "responses.delete": ["DELETE", "/responses/{id}"],
};

/** Files, batches and kept responses (https://platform.openai.com/docs/api-reference/files, …/batch, …/responses). */
const api: OperationApi = { dialect: "openai-files", encode, decoder };
const kept: OperationApi = { ...api, dialect: "openai-responses" };
export const OBJECT_APIS: Readonly<Record<Verb, OperationApi>> = {
  "files.create": api,
  "files.retrieve": api,
  "files.content": api,
  "files.delete": api,
  "batches.create": api,
  "batches.retrieve": api,
  "batches.cancel": api,
  "responses.retrieve": kept,
  "responses.items": kept,
  "responses.cancel": kept,
  "responses.delete": kept,
};

function encode(request: ModelRequest): UpstreamRequest {
  if (request.dialect !== "openai-files" && request.dialect !== "openai-responses") {
    throw new UnsupportedFeature("model", "The provider of this model keeps files in another dialect only.");
  }
  const { name, id = "", fields, file } = request.operation as ObjectCall;
  const [method, path] = ADDRESSES[name as Verb];
  const query = method === "GET" ? queryOf(fields) : "";
  return {
    method,
    // A function, because in a replacement text `$&` and its like would mean something.
    path: path.replace("{id}", () => encodeURIComponent(id)) + query,
    headers: { accept: request.stream ? "text/event-stream" : "*/*" },
    body: fields,
    ...(file === undefined ? {} : { files: [file] }),
    warnings: [],
  };
}

/** A GET has no body: what it says beside the id stands in the address, lists as OpenAI's clients write them. */
function queryOf(fields: JsonObject): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) for (const each of value) query.append(`${name}[]`, String(each));
    else query.append(name, String(value));
  }
  return query.size === 0 ? "" : `?${query}`;
}

function decoder(request: ModelRequest): AnswerDecoder {
  const { name } = request.operation as ObjectCall;
  if (request.stream) return new ResponsesDecoder(request);
  // The bytes of a file are the file, whatever its type: a caller's browser must not take them for a page.
  const bytesAre = name === "files.content" ? "application/octet-stream" : undefined;
  // A response that failed is told as it is kept, its error with it.
  return keptAnswer(
    bytesAre,
    ({ error, object }) => (isObject(error) && object !== "response" ? errorInside(error) : undefined),
    { told: (answer) => [...usedByBatch(answer), ...usedByResponse(answer)] },
  );
}

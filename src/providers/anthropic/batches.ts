import {
  type AnswerDecoder,
  MalformedAnswer,
  type OperationApi,
  UnsupportedFeature,
  type UpstreamRequest,
} from "../../spec/adapter.ts";
import type { ObjectCall, ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { keptAnswer } from "../whole-answer.ts";
import { betaHeaders } from "./request.ts";

const BASE = "/v1/messages/batches";

/** Method and path of each; `{id}` stands for the id. */
const ADDRESSES: Readonly<Partial<Record<ObjectVerb, readonly [UpstreamRequest["method"], string]>>> = {
  "batches.create": ["POST", BASE],
  "batches.retrieve": ["GET", `${BASE}/{id}`],
  "batches.results": ["GET", `${BASE}/{id}/results`],
  "batches.cancel": ["POST", `${BASE}/{id}/cancel`],
  "batches.delete": ["DELETE", `${BASE}/{id}`],
};

const api: OperationApi = { dialect: "anthropic-batches", encode, decoder };

/** Batches of messages (https://docs.claude.com/en/api/creating-message-batches). */
export const BATCH_APIS: Readonly<Partial<Record<ObjectVerb, OperationApi>>> = {
  "batches.create": api,
  "batches.retrieve": api,
  "batches.results": api,
  "batches.cancel": api,
  "batches.delete": api,
};

function encode(request: ModelRequest): UpstreamRequest {
  const { name, id = "", fields } = request.operation as ObjectCall;
  const address = ADDRESSES[name];
  if (request.dialect !== "anthropic-batches" || address === undefined) {
    throw new UnsupportedFeature("model", "The provider of this model has batches of messages, and no files.");
  }
  const [method, path] = address;
  return {
    method,
    // A function, because in a replacement text `$&` and its like would mean something.
    path: path.replace("{id}", () => encodeURIComponent(id)),
    headers: betaHeaders(request),
    body: fields,
    warnings: [],
  };
}

function decoder(request: ModelRequest): AnswerDecoder {
  const { name } = request.operation as ObjectCall;
  return keptAnswer(name === "batches.results" ? "application/x-jsonl" : undefined, ({ type }) => {
    if (type === "error") throw new MalformedAnswer("an answer that is no batch");
    return undefined;
  });
}

import { isObject, parseBounded } from "../../kernel/json.ts";
import {
  type AnswerDecoder,
  MalformedAnswer,
  type OperationApi,
  UnsupportedFeature,
  type UpstreamRequest,
} from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ObjectCall, ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { wholeAnswer } from "../whole-answer.ts";
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

const utf8 = new TextDecoder();

function decoder(request: ModelRequest): AnswerDecoder {
  const { name } = request.operation as ObjectCall;
  const { frame, close } = wholeAnswer(() => []);
  const unary = (body: string): EventPart[] => {
    const json = parseBounded(body);
    if (!isObject(json) || json.type === "error") throw new MalformedAnswer("an answer that is no batch");
    return whole({ kind: "body", mediaType: "application/json", content: { json } });
  };
  return {
    frame,
    close,
    unary,
    body: (bytes) =>
      name === "batches.results"
        ? whole({ kind: "body", mediaType: "application/x-jsonl", content: { bytes } })
        : unary(utf8.decode(bytes)),
  };
}

function whole(result: Extract<EventPart, { type: "result" }>["result"]): EventPart[] {
  return [{ type: "start" }, { type: "result", result }, { type: "end" }];
}

import { isObject, type JsonObject, parseBounded } from "../../kernel/json.ts";
import {
  type AnswerDecoder,
  MalformedAnswer,
  type OperationApi,
  UnsupportedFeature,
  type UpstreamRequest,
} from "../../spec/adapter.ts";
import type { ObjectCall, ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Usage } from "../../spec/usage.ts";
import { keptAnswer } from "../whole-answer.ts";
import { betaHeaders } from "./request.ts";
import { UsageReader } from "./usage.ts";

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
  const errorIn = ({ type }: JsonObject) => {
    if (type === "error") throw new MalformedAnswer("an answer that is no batch");
    return undefined;
  };
  return keptAnswer(name === "batches.results" ? "application/x-jsonl" : undefined, errorIn, {
    told: usedByNone,
    in: usedInResults,
  });
}

/** A batch does not say what its calls have used, but that none of them was answered, and so none is charged. */
function usedByNone({ processing_status, request_counts }: JsonObject): Usage[] {
  const nothing = processing_status === "ended" && isObject(request_counts) && request_counts.succeeded === 0;
  return nothing ? [{ input: 0, output: 0 }] : [];
}

const utf8 = new TextDecoder();

/** What each call has used, by its result; empty where one of them does not say. */
function usedInResults(bytes: Uint8Array): Usage[] {
  const all: Usage[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found === -1 ? bytes.length : found;
    const line = utf8.decode(bytes.subarray(start, end)).trim();
    start = end + 1;
    if (line === "") continue;
    const used = usedInResult(parseBounded(line));
    if (used === undefined) return [];
    all.push(used);
  }
  return all;
}

/** @returns undefined where it does not say. Of what failed, was stopped or came too late nothing is charged. */
function usedInResult(line: unknown): Usage | undefined {
  const result = isObject(line) ? line.result : undefined;
  if (!isObject(result)) return undefined;
  if (result.type !== "succeeded") return UNCHARGED.has(result.type) ? { input: 0, output: 0 } : undefined;
  const {
    input,
    output,
    tier: _,
    ...parts
  } = (isObject(result.message) ? new UsageReader().read(result.message.usage) : undefined) ?? {};
  return input === undefined || output === undefined || input === 0 ? undefined : { ...parts, input, output };
}

const NEWLINE = 10;
const UNCHARGED: ReadonlySet<unknown> = new Set(["errored", "canceled", "expired"]);

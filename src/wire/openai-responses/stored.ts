import type { JsonObject } from "../../kernel/json.ts";
import type { ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { InvalidRequest, type RequestAddress, type Wire } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import { wholeAnswer } from "../whole-answer.ts";
import { ResponsesEncoder } from "./encode.ts";

/**
 * What is asked about a response that a provider keeps (https://platform.openai.com/docs/api-reference/responses).
 * The model of such a request is that of the response. One that was made in the background and streamed can be
 * read as a stream again, from the beginning or after an event that was seen.
 */

type Verb = Extract<ObjectVerb, `responses.${string}`>;

/** What each may say in its address beside the id. What nobody here knows could name something of another's. */
const TAKEN: Readonly<Record<Verb, readonly string[]>> = {
  "responses.retrieve": ["include", "stream", "starting_after", "include_obfuscation"],
  "responses.items": ["include", "limit", "order", "after", "before"],
  "responses.cancel": [],
  "responses.delete": [],
};

/** Said by clients of Azure's, and by OpenAI's own without effect. */
const IDLE: ReadonlySet<string> = new Set(["api-version"]);

export const responseRetrieve = wire("responses.retrieve");
export const responseItems = wire("responses.items");
export const responseCancel = wire("responses.cancel");
export const responseDelete = wire("responses.delete");

function wire(name: Verb): Wire {
  return {
    dialect: "openai-responses",
    bodiless: true,
    decode: (_body, address) => about(name, address),
    encoder: (request, context) =>
      request.stream ? new ResponsesEncoder(request, context) : wholeAnswer(() => ({}), errorBody),
    errorBody,
  };
}

function about(name: Verb, address: RequestAddress | undefined): ModelRequest {
  const id = address?.params.id ?? "";
  const fields = fieldsOf(name, new URLSearchParams(address?.query ?? ""));
  return {
    dialect: "openai-responses",
    model: "",
    messages: [],
    stream: fields.stream === "true",
    includeUsage: true,
    operation: { type: "object", name, id, fields },
  };
}

const MAX_ITEMS = 100;
const MAX_INCLUDES = 64;

function fieldsOf(name: Verb, query: URLSearchParams): JsonObject {
  const fields: JsonObject = {};
  const include: string[] = [];
  for (const [written, value] of query) {
    const field = written.replace(/\[\d{0,3}\]$/, "");
    if (IDLE.has(field) || (field === "stream" && value === "false")) continue;
    if (!TAKEN[name].includes(field)) fail(field.slice(0, 100), "is not taken here");
    if (field === "include") include.push(...value.split(","));
    else if (field in fields) fail(field, "must stand there once");
    else fields[field] = checked(field, value);
  }
  if (include.length > MAX_INCLUDES || include.some((word) => !/^[\w.]{1,128}$/.test(word))) {
    fail("include", "must be names of something that an answer can include");
  }
  if (fields.starting_after !== undefined && fields.stream === undefined) {
    fail("starting_after", "is of a stream: it needs stream=true");
  }
  return include.length === 0 ? fields : { ...fields, include };
}

function checked(field: string, value: string): string {
  switch (field) {
    case "limit":
      if (!/^\d{1,3}$/.test(value) || Number(value) < 1 || Number(value) > MAX_ITEMS) {
        fail(field, `must be a whole number from 1 to ${MAX_ITEMS}`);
      }
      return value;
    case "stream":
    case "include_obfuscation":
      if (value !== "true" && (value !== "false" || field === "stream")) fail(field, "must be true or false");
      return value;
    case "starting_after":
      if (!/^\d{1,15}$/.test(value)) fail(field, "must be the number of an event");
      return value;
    case "order":
      if (value !== "asc" && value !== "desc") fail(field, "must be asc or desc");
      return value;
    default:
      // Of an item within this response.
      if (!/^[A-Za-z0-9][\w.:-]{0,255}$/.test(value)) fail(field, "must be the id of an item");
      return value;
  }
}

function fail(field: string, must: string): never {
  throw new InvalidRequest(field, `${field} ${must}`);
}

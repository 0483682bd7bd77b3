import { MAX_BATCH_CALLS, MAX_BATCH_NODES } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { ObjectCall, ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { RequestAddress, Wire } from "../../spec/wire.ts";
import { errorBody } from "../anthropic-messages/errors.ts";
import { Fields } from "../read.ts";
import { wholeAnswer } from "../whole-answer.ts";

/**
 * Anthropic's batches of messages (https://docs.claude.com/en/api/creating-message-batches). The model
 * of a request is empty: it is that of the calls in it, or of the batch it is about.
 */
export const messageBatchCreate: Wire = {
  ...wire("batches.create"),
  bodiless: false,
  requestHeaders: ["anthropic-beta"],
  maxValues: MAX_BATCH_NODES,
  decode: batchOf,
};
export const messageBatchRetrieve = wire("batches.retrieve");
export const messageBatchCancel = wire("batches.cancel");
export const messageBatchDelete = wire("batches.delete");
export const messageBatchResults = wire("batches.results");

function wire(name: ObjectVerb): Wire {
  return {
    dialect: "anthropic-batches",
    bodiless: true,
    decode: (_body, address) => about(name, address),
    encoder: () => wholeAnswer(() => ({}), errorBody),
    errorBody,
  };
}

function about(name: ObjectVerb, address: RequestAddress | undefined): ModelRequest {
  return requestOf({ type: "object", name, id: address?.params.id ?? "", fields: {} });
}

/** The calls are read by whoever can take turns with others while doing so. */
function batchOf(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  for (const name of Object.keys(body)) {
    if (name !== "requests") fields.fail(name.slice(0, 200), "is not a field that is taken here");
  }
  const calls =
    fields.array("requests", MAX_BATCH_CALLS) ?? fields.fail("requests", "is required and must be an array");
  if (calls.length === 0) fields.fail("requests", "must have at least one call");
  return requestOf({ type: "object", name: "batches.create", fields: { requests: calls } });
}

function requestOf(operation: ObjectCall): ModelRequest {
  return { dialect: "anthropic-batches", model: "", messages: [], stream: false, includeUsage: true, operation };
}

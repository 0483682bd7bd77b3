import { MAX_MODEL_NAME } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { FormFile, ObjectCall, ObjectVerb } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { RequestAddress, Wire } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import { Fields } from "../read.ts";
import { wholeAnswer } from "../whole-answer.ts";

/**
 * OpenAI's files and batches (https://platform.openai.com/docs/api-reference/files, …/batch). The
 * model of a request is empty where it is that of the thing it is about, or of the calls in it.
 */

/** Names the model for which a file is uploaded that holds no calls; OpenAI's clients can send it with any request. */
export const MODEL_HEADER = "x-sallyport-model";

/** What files may be for here. To train a model, and to judge one, is nothing that the gateway takes. */
const PURPOSES = ["batch", "user_data", "vision", "assistants"] as const;

/** How ids look; none is a step in a path. */
const ID = /^[A-Za-z0-9][\w.:-]{0,255}$/;

export function isObjectId(id: unknown): id is string {
  return typeof id === "string" && ID.test(id);
}

/** A form for `POST /v1/files`. */
export const fileCreate: Wire = {
  ...wire("files.create"),
  requestHeaders: [MODEL_HEADER],
  decode: (body) => new Fields(body, "").fail("file", "is required: send a form (multipart/form-data)"),
  decodeForm: uploadOf,
};

export const fileRetrieve = wire("files.retrieve");
export const fileContent = wire("files.content");
export const fileDelete = wire("files.delete");
export const batchCreate: Wire = { ...wire("batches.create"), bodiless: false, decode: batchOf };
export const batchRetrieve = wire("batches.retrieve");
export const batchCancel = wire("batches.cancel");

/** For lists, which are made here. */
export const objectList = wire("files.retrieve");

function wire(name: ObjectVerb): Wire {
  return {
    dialect: "openai-files",
    bodiless: name !== "files.create",
    decode: (_body, address) => about(name, address),
    encoder: () => wholeAnswer(() => ({}), errorBody),
    errorBody,
  };
}

function about(name: ObjectVerb, address: RequestAddress | undefined): ModelRequest {
  const id = address?.params.id ?? "";
  return requestOf({ type: "object", name, id, fields: {} }, "");
}

function requestOf(operation: ObjectCall, model: string): ModelRequest {
  return { dialect: "openai-files", model, messages: [], stream: false, includeUsage: true, operation };
}

const FORM_FIELDS = ["purpose", "model", "expires_after[anchor]", "expires_after[seconds]"];

function uploadOf(body: JsonObject, files: FormFile[]): ModelRequest {
  const fields = new Fields(body, "");
  refuseUnknown(fields, FORM_FIELDS);
  const purpose = fields.oneOf("purpose", PURPOSES);
  if (purpose === undefined) return fields.fail("purpose", `is required: one of ${PURPOSES.join(", ")}`);
  const model = fields.string("model") ?? "";
  if (model.length > MAX_MODEL_NAME) fields.fail("model", `must have at most ${MAX_MODEL_NAME} characters`);
  fields.oneOf("expires_after[anchor]", ["created_at"]);
  const seconds = fields.string("expires_after[seconds]");
  if (seconds !== undefined && !/^\d{1,9}$/.test(seconds)) fields.fail("expires_after[seconds]", "must be a number");
  const [file, ...others] = files;
  if (file === undefined || file.field !== "file") return fields.fail("file", "is required and must be a file");
  if (others.length > 0) fields.fail(others[0]!.field, "is one file too many: a file is uploaded alone");
  const { model: _, ...rest } = body;
  return requestOf({ type: "object", name: "files.create", fields: rest, file }, model);
}

const BATCH_FIELDS = ["input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"];

/** OpenAI's own bounds (https://platform.openai.com/docs/api-reference/batch/create). */
const MAX_METADATA = 16;
const MAX_METADATA_NAME = 64;
const MAX_METADATA_VALUE = 512;

function batchOf(body: JsonObject): ModelRequest {
  const fields = new Fields(body, "");
  refuseUnknown(fields, BATCH_FIELDS);
  for (const name of BATCH_FIELDS.slice(0, 3)) fields.requiredString(name);
  const metadata = Object.entries(fields.object("metadata")?.value ?? {});
  if (metadata.length > MAX_METADATA) fields.fail("metadata", `must have at most ${MAX_METADATA} fields`);
  for (const [name, value] of metadata) {
    if (name.length > MAX_METADATA_NAME) {
      fields.fail("metadata", `must have names of at most ${MAX_METADATA_NAME} characters`);
    }
    if (typeof value !== "string" || value.length > MAX_METADATA_VALUE) {
      fields.fail(`metadata.${name}`, `must be a string of at most ${MAX_METADATA_VALUE} characters`);
    }
  }
  const expires = fields.object("output_expires_after");
  if (expires !== undefined) {
    refuseUnknown(expires, ["anchor", "seconds"]);
    expires.oneOf("anchor", ["created_at"]);
    expires.integer("seconds", 0, 999_999_999);
  }
  return requestOf({ type: "object", name: "batches.create", fields: body }, "");
}

/** What nobody here knows could name another's file, or be told back as if the provider had said it. */
function refuseUnknown(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields.value)) {
    if (!known.includes(name)) fields.fail(name.slice(0, 200), "is not a field that is taken here");
  }
}

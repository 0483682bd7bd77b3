import { MAX_CHOICES, MAX_MODEL_NAME } from "../../kernel/bounds.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Dialect } from "../../spec/dialect.ts";
import type { FormFile, Relay, RelayName } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { RequestAddress, Wire } from "../../spec/wire.ts";
import { errorBody } from "../openai-chat/errors.ts";
import { Fields } from "../read.ts";
import { refuseUpstreamFields } from "../refused-fields.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** One thing that only providers of its own dialect do. */
interface Row {
  dialect: Dialect;
  name: RelayName;
  /** Fields that a person wrote. */
  texts: readonly string[];
  /** Asked for by a form: files go along. Some of these take JSON too. */
  form?: true;
  /** Where the request may leave it out. */
  model?: string;
}

/** `POST /v1/images/…` (https://platform.openai.com/docs/api-reference/images). */
const IMAGES = { dialect: "openai-images", texts: ["prompt"] } as const;
export const imageGeneration = wire({ ...IMAGES, name: "images.generate" });
export const imageEdit = wire({ ...IMAGES, name: "images.edit", form: true });
export const imageVariation = wire({ ...IMAGES, name: "images.variation", form: true });

/** `POST /v1/audio/…` (https://platform.openai.com/docs/api-reference/audio). */
const AUDIO = { dialect: "openai-audio" } as const;
export const speech = wire({ ...AUDIO, name: "audio.speech", texts: ["input", "instructions"] });
export const transcription = wire({ ...AUDIO, name: "audio.transcribe", texts: ["prompt"], form: true });
export const audioTranslation = wire({ ...AUDIO, name: "audio.translate", texts: ["prompt"], form: true });

/** `POST /v1/moderations` (https://platform.openai.com/docs/api-reference/moderations). */
export const moderation = wire({
  dialect: "openai-moderations",
  name: "moderate",
  texts: ["input"],
  model: "omni-moderation-latest",
});

/** `POST /v1/rerank`, as vLLM, Jina and Together take it. */
export const rerank = wire({ dialect: "rerank", name: "rerank", texts: ["query", "documents"] });

/** `POST /v2/rerank` (https://docs.cohere.com/reference/rerank). */
export const cohereRerank: Wire = {
  ...rerank,
  errorBody: ({ message, code }) => ({ message, code }),
};

function wire(row: Row): Wire {
  const decode = (body: JsonObject, address?: RequestAddress) => requestOf(row, body, undefined, address);
  const decodeForm = (fields: JsonObject, files: FormFile[], address?: RequestAddress) =>
    requestOf(row, fields, files, address);
  return {
    dialect: row.dialect,
    decode,
    ...(row.form === undefined ? {} : { decodeForm }),
    // The body of an answer is written by whoever has it: it may be no JSON at all.
    encoder: () => wholeAnswer(() => ({}), errorBody),
    errorBody,
  };
}

function requestOf(
  row: Row,
  body: JsonObject,
  files: FormFile[] | undefined,
  address: RequestAddress | undefined,
): ModelRequest {
  const fields = new Fields(body, "");
  refuseUpstreamFields(fields);
  const model = address?.params.deployment ?? fields.string("model") ?? row.model;
  if (model === undefined) return fields.fail("model", "is required and must be a string");
  if (model === "" || model.length > MAX_MODEL_NAME) {
    return fields.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
  }
  const { model: _, ...rest } = body;
  const operation: Relay = { type: "relay", name: row.name, fields: rest, texts: row.texts };
  if (files !== undefined) operation.files = files;
  const request: ModelRequest = {
    dialect: row.dialect,
    model,
    messages: [],
    stream: false,
    includeUsage: true,
    operation,
  };
  const choices = row.dialect === "openai-images" ? countOf(fields, files !== undefined) : undefined;
  if (choices !== undefined) request.choices = choices;
  return request;
}

/** `n`, which is a text in a form. */
function countOf(fields: Fields, isForm: boolean): number | undefined {
  const given = fields.raw("n");
  if (isForm && typeof given === "string" && /^\d{1,4}$/.test(given)) {
    return new Fields({ n: Number(given) }, "").integer("n", 1, MAX_CHOICES);
  }
  return fields.integer("n", 1, MAX_CHOICES);
}

import { isObject, type Json, parseBounded } from "../kernel/json.ts";
import { MalformedAnswer, type OperationApi, UnsupportedFeature, type UpstreamRequest } from "../spec/adapter.ts";
import type { Dialect } from "../spec/dialect.ts";
import type { EventPart, ProviderError } from "../spec/event.ts";
import { type Relay, type RelayedBody, writesTokens } from "../spec/operation.ts";
import type { ModelRequest } from "../spec/request.ts";
import type { Usage } from "../spec/usage.ts";
import { countOf } from "./counts.ts";
import { wholeAnswer } from "./whole-answer.ts";

/** What is particular to a provider. */
export interface RelayedAt {
  dialect: Dialect;
  /** Relative to the base URL. */
  path: string;
  /** An error inside an answer whose status was 200. */
  errorInside(value: Json): ProviderError;
  /** Token counts, in the provider's names. */
  readUsage(value: Json | undefined): Partial<Usage> | undefined;
}

/** An API in which callers and provider speak alike: fields, files and answer go through as they are parsed. */
export function relayApi(at: RelayedAt): OperationApi {
  return {
    dialect: at.dialect,
    encode: (request, model) => encode(request, model, at),
    decoder: (request) => {
      // Where a model writes, that nobody says how much is not that it was nothing.
      const told: Partial<Usage> = writesTokens(request.operation as Relay) ? {} : { output: 0 };
      return { ...wholeAnswer(() => []), body: (bytes, mediaType) => partsOf(bytes, mediaType, at, told) };
    },
  };
}

function encode(request: ModelRequest, model: string, { dialect, path }: RelayedAt): UpstreamRequest {
  const { fields, files } = request.operation as Relay;
  if (request.dialect !== dialect) {
    throw new UnsupportedFeature("model", "The provider of this model does that in another dialect only.");
  }
  for (const name of ["stream", "stream_format", "partial_images"]) {
    if (isWanted(name, fields[name])) {
      throw new UnsupportedFeature(name, `${name} is not supported here: the answer comes whole.`);
    }
  }
  const body = { model, ...fields };
  const upstream: UpstreamRequest = { method: "POST", path, headers: { accept: "*/*" }, body, warnings: [] };
  if (files !== undefined) upstream.files = files;
  return upstream;
}

const NOTHING: readonly Json[] = [null, false, 0, "", "false", "0"];

function isWanted(name: string, value: Json | undefined): boolean {
  if (name === "stream_format") return value === "sse";
  // In a form every value is a text.
  return value !== undefined && !NOTHING.includes(value);
}

/** What may stand in an answer. A page of a proxy's on the way is none of them. */
const BYTES = /^(?:audio|image|video)\/[\w.+-]+$|^application\/octet-stream$/;
const TEXTS = /^text\/(?:plain|vtt|srt)$|^application\/(?:x-subrip|srt)$/;

const utf8 = new TextDecoder();

function partsOf(bytes: Uint8Array, mediaType: string, at: RelayedAt, told: Partial<Usage>): EventPart[] {
  if (mediaType === "application/json") return ofJson(utf8.decode(bytes), at, told);
  const usage: EventPart = { type: "usage", usage: told };
  const end: EventPart = { type: "end" };
  if (TEXTS.test(mediaType)) {
    const body: RelayedBody = {
      kind: "body",
      mediaType: `${mediaType}; charset=utf-8`,
      content: { text: utf8.decode(bytes) },
    };
    return [{ type: "start" }, { type: "result", result: body }, usage, end];
  }
  if (!BYTES.test(mediaType)) throw new MalformedAnswer(`content-type ${mediaType.slice(0, 80)}`);
  return [{ type: "start" }, { type: "result", result: { kind: "body", mediaType, content: { bytes } } }, usage, end];
}

function ofJson(text: string, at: RelayedAt, told: Partial<Usage>): EventPart[] {
  const json = parseBounded(text);
  if (!isObject(json)) throw new MalformedAnswer("an answer that is no object");
  if (json.error !== undefined && json.error !== null) return [{ type: "error", error: at.errorInside(json.error) }];
  const usage = at.readUsage(json.usage);
  return [
    { type: "start" },
    { type: "result", result: { kind: "body", mediaType: "application/json", content: { json } } },
    { type: "usage", usage: { ...told, ...totalOf(json.usage), ...usage } },
    { type: "end" },
  ];
}

/** Servers that rerank tell a total only, and write nothing. */
function totalOf(usage: Json | undefined): Partial<Usage> {
  if (!isObject(usage) || usage.output_tokens !== undefined || usage.completion_tokens !== undefined) return {};
  const total = countOf(usage.total_tokens);
  return total === undefined ? {} : { input: total };
}

import { isObject, type Json, type JsonObject, parseBounded } from "../kernel/json.ts";
import { type AnswerDecoder, MalformedAnswer } from "../spec/adapter.ts";
import type { EventPart, ProviderError } from "../spec/event.ts";
import type { Embed } from "../spec/operation.ts";
import type { ModelRequest } from "../spec/request.ts";
import type { Usage } from "../spec/usage.ts";
import { countOf } from "./counts.ts";

/**
 * Reads answers that are never streamed.
 * @param read the parts of an answer, without `end`; throws `MalformedAnswer`
 */
export function wholeAnswer(read: (answer: JsonObject) => EventPart[]): AnswerDecoder {
  return {
    unary(body) {
      const answer = parseBounded(body);
      if (!isObject(answer)) throw new MalformedAnswer("an answer that is no object");
      const parts = read(answer);
      return parts.at(-1)?.type === "error" ? parts : [...parts, { type: "end" }];
    },
    frame() {
      throw new MalformedAnswer("a stream in answer to what is never streamed");
    },
    close: () => [],
  };
}

/**
 * Reads what a provider keeps: an object, or the bytes of a file or of results.
 * @param bytesAre the media type under which the answer's bytes are handed on as they are, whatever their provider
 * calls them; undefined for objects
 * @param errorIn the error that an object is; throws `MalformedAnswer` where it is nothing that was asked for
 * @param used what something that has ended is said to have used: a batch by its results of each of its calls, otherwise of
 * all in one, without `input` where that is the prompt, and nobody tells it
 */
export function keptAnswer(
  bytesAre: string | undefined,
  errorIn: (answer: JsonObject) => ProviderError | undefined,
  used: { told?(answer: JsonObject): Partial<Usage>[]; in?(bytes: Uint8Array): Usage[] } = {},
): AnswerDecoder {
  const { frame, close } = wholeAnswer(() => []);
  const whole = (
    result: Extract<EventPart, { type: "result" }>["result"],
    usages: Partial<Usage>[] = [],
  ): EventPart[] => [
    { type: "start" },
    ...usages.map((usage): EventPart => ({ type: "usage", usage })),
    { type: "result", result },
    { type: "end" },
  ];
  const unary = (body: string): EventPart[] => {
    const json = parseBounded(body);
    if (!isObject(json)) throw new MalformedAnswer("an answer that is no object");
    const error = errorIn(json);
    if (error !== undefined) return [{ type: "error", error }];
    return whole({ kind: "body", mediaType: "application/json", content: { json } }, used.told?.(json));
  };
  return {
    frame,
    close,
    unary,
    body: (bytes) =>
      bytesAre === undefined
        ? unary(utf8.decode(bytes))
        : whole({ kind: "body", mediaType: bytesAre, content: { bytes } }, used.in?.(bytes)),
  };
}

const utf8 = new TextDecoder();

/** Usage of what writes nothing; empty where the provider tells none. */
export function readOnly(input: number | undefined): EventPart[] {
  const usage: Partial<Usage> = input === undefined ? { output: 0 } : { input, output: 0 };
  return [{ type: "usage", usage }];
}

/**
 * One vector for each input, in the order of the inputs.
 * @param rows what the provider sent, already in that order @throws MalformedAnswer where one is missing
 */
export function vectorParts(request: ModelRequest, rows: readonly (Json | undefined)[]): EventPart[] {
  const { inputs } = request.operation as Embed;
  if (rows.length !== inputs.length) {
    throw new MalformedAnswer(`${rows.length} vectors for ${inputs.length} inputs`);
  }
  return rows.map((row, index) => ({ type: "result", result: { kind: "vector", index, vector: vectorOf(row) } }));
}

/** Numbers, or 32-bit floats in base64. @throws MalformedAnswer */
function vectorOf(value: Json | undefined): number[] {
  if (typeof value === "string") return floatsIn(value);
  if (!Array.isArray(value) || !value.every((each) => typeof each === "number")) {
    throw new MalformedAnswer("a vector that is none");
  }
  return value as number[];
}

/** @throws MalformedAnswer */
function floatsIn(base64: string): number[] {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(base64);
  } catch {
    throw new MalformedAnswer("a vector that is no base64");
  }
  if (bytes.length % 4 !== 0) throw new MalformedAnswer("a vector of broken floats");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}

/** The answer to a count of tokens. @throws MalformedAnswer where the provider gave none */
export function countParts(value: Json | undefined): EventPart[] {
  const tokens = countOf(value);
  if (tokens === undefined) throw new MalformedAnswer("a count that is none");
  return [{ type: "result", result: { kind: "token-count", tokens } }];
}

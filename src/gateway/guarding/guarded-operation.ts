import type { Json, JsonObject } from "../../kernel/json.ts";
import { isObject } from "../../kernel/json.ts";
import type { Operation, OperationResult, Relay } from "../../spec/operation.ts";

/** Rewrites one text. `isJson`: nobody reads it as it is written, as a call's arguments. */
export type Clean = (text: string, isJson?: boolean) => string;

/** What a guard can rewrite of an operation: what a person wrote. Tokens and files are no text. */
export function maskOperation(operation: Operation, clean: Clean): Operation {
  switch (operation.type) {
    case "embed":
      return {
        ...operation,
        inputs: operation.inputs.map((input) => ("text" in input ? { ...input, text: clean(input.text) } : input)),
      };
    case "complete":
      return {
        ...operation,
        prompts: operation.prompts.map((prompt) => (typeof prompt === "string" ? clean(prompt) : prompt)),
        ...(operation.suffix === undefined ? {} : { suffix: clean(operation.suffix) }),
      };
    case "relay":
      return { ...operation, fields: maskFields(operation, clean) };
    case "count-tokens":
    case "object":
      return operation;
  }
}

function maskFields({ fields, texts }: Relay, clean: Clean): JsonObject {
  const masked: JsonObject = { ...fields };
  for (const name of texts) {
    const value = fields[name];
    if (value !== undefined) masked[name] = maskStrings(value, clean);
  }
  return masked;
}

/** What of an operation can be judged, but not rewritten: words with a meaning of their own. */
export function unmaskedOf(operation: Operation): unknown[] {
  switch (operation.type) {
    case "embed":
      return operation.inputs.map(({ extra }) => extra);
    case "relay": {
      const rest = { ...operation.fields };
      for (const name of operation.texts) {
        const value = rest[name];
        if (value === undefined) continue;
        rest[name] = maskStrings(value, () => "");
      }
      const files = operation.files ?? [];
      return [
        ...Object.entries(rest).flat(),
        ...files.flatMap(({ field, name, mediaType }) => [field, name, mediaType]),
      ];
    }
    case "object": {
      // The calls of a batch are judged one by one.
      const { requests: _, ...fields } = operation.fields;
      const { file, id } = operation;
      return [...Object.entries(fields).flat(), id, ...(file === undefined ? [] : [file.name, file.mediaType])];
    }
    default:
      return [];
  }
}

/** Fields of a text's neighbours that lead somewhere or say what is what. */
const NO_TEXT: ReadonlySet<string> = new Set(["type", "url", "image_url", "b64_json"]);

function maskStrings(value: Json, clean: Clean): Json {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map((item) => maskStrings(item, clean));
  if (!isObject(value)) return value;
  const masked: JsonObject = {};
  for (const name of Object.keys(value)) {
    const inner = value[name]!;
    if (name === "arguments" && typeof inner === "string") masked[name] = clean(inner, true);
    else masked[name] = NO_TEXT.has(name) ? inner : maskStrings(inner, clean);
  }
  return masked;
}

/** What repeats the words of a transcript one by one, or piece by piece: a phrase would be found in none of them. */
const PIECES = ["words", "segments", "logprobs", "tokens"];

/** What an operation gave, with its texts rewritten. Vectors, pictures and sounds are not read. */
export function maskResult(result: OperationResult, clean: Clean): OperationResult {
  if (result.kind !== "body" || "bytes" in result.content) return result;
  const { content } = result;
  if ("lines" in content) {
    return { ...result, content: { lines: content.lines.map((line) => withoutLogprobs(maskStrings(line, clean))) } };
  }
  if ("text" in content) return { ...result, content: { text: maskSubtitles(content.text, clean) } };
  const json = maskStrings(content.json, clean);
  if (isObject(json) && isObject(content.json) && json.text !== content.json.text) {
    for (const name of PIECES) delete json[name];
  }
  return { ...result, content: { json } };
}

/** Log probabilities would spell out what was masked, token by token. */
function withoutLogprobs(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutLogprobs);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const name of Object.keys(value)) kept[name] = name === "logprobs" ? null : withoutLogprobs(value[name]!);
  return kept;
}

/** Subtitles that say what they must not lose their times: a phrase may begin in one and end in the next. */
function maskSubtitles(text: string, clean: Clean): string {
  const spoken = spokenIn(text);
  const masked = clean(spoken);
  return masked === spoken ? text : masked;
}

const ARROW = "-->";
/** Bounded, and from the line's beginning: a provider's line may be long, and made to be slow to search. */
const TIMES = /^[\d:.,]{1,32}[ \t]{0,8}-->/;
const NUMBER = /^\d{1,16}$/;

/** The words of subtitles (SubRip, WebVTT) without numbers and times; any other text as it is. */
function spokenIn(text: string): string {
  if (!text.includes(ARROW)) return text;
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const isTimes = (at: number) => TIMES.test(lines[at] ?? "");
  const spoken = lines.filter((line, at) => {
    if (line === "" || isTimes(at) || (at === 0 && line.startsWith("WEBVTT"))) return false;
    // Elsewhere a number was said.
    return !(NUMBER.test(line) && isTimes(at + 1));
  });
  return spoken.join(" ");
}

/** What of it can be judged. */
export function writtenIn(result: OperationResult): Json | undefined {
  if (result.kind !== "body" || "bytes" in result.content) return undefined;
  if ("lines" in result.content) return result.content.lines;
  return "text" in result.content ? spokenIn(result.content.text) : result.content.json;
}

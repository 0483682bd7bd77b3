import { isObject, type Json, type JsonObject } from "../../src/kernel/json.ts";
import { type Digest, type Digests, type Exchange, framesOf } from "./recordings.ts";

type Response = Pick<Exchange["response"], "status"> & {
  json?: unknown;
  text?: string;
  eventstream?: { payload: unknown }[];
};

/**
 * The recordings' own digest, and what it does not read: Ollama's count of tokens from a cache
 * (`prompt_eval_cached_count`, https://docs.ollama.com/api/usage), which is younger than the digest, and
 * OpenAI's `function_call` of 2023, which is older.
 */
export function digestOf(judge: Digests, api: string, response: Response): Digest {
  const digest = judge.respDigest({ api, response });
  if (api === "ollama.chat") return { ...digest, cached: digest.cached ?? cachedOf(response) };
  const called = api === "openai.chat" && digest.tools.length === 0 ? functionCallOf(response) : undefined;
  return called === undefined ? digest : { ...digest, tools: [called] };
}

/** Of the first choice; in a stream, its arguments in pieces. An empty name (Snowflake's) is none. */
function functionCallOf(response: Response): Digest["tools"][number] | undefined {
  let name = "";
  let text = "";
  for (const value of valuesOf(response)) {
    const [choice] = isObject(value as Json) ? (((value as JsonObject).choices ?? []) as JsonObject[]) : [];
    const call = ((choice?.message ?? choice?.delta) as JsonObject | undefined)?.function_call;
    if (!isObject(call)) continue;
    name ||= typeof call.name === "string" ? call.name : "";
    text += typeof call.arguments === "string" ? call.arguments : "";
  }
  if (name === "") return undefined;
  const args = JSON.parse(text || "{}") as JsonObject;
  return { name, args: Object.fromEntries(Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function cachedOf({ json, text }: Response): number | null {
  const last: Json | undefined = text === undefined ? (json as Json | undefined) : lastLine(text);
  const count = isObject(last) ? last.prompt_eval_cached_count : undefined;
  return typeof count === "number" ? count : null;
}

function lastLine(text: string): Json | undefined {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as Json;
  } catch {
    return undefined;
  }
}

/**
 * Whether a thought stands in a recording, under whatever name: the digest knows the names of most
 * providers, but neither Cohere's `tool_plan` nor thoughts that come in `reasoning_details` alone.
 * Pieces of a stream are put together by the name of their field.
 */
export function isSaidIn({ response }: Exchange, thought: string): boolean {
  const byField = new Map<string, string>();
  const gather = (value: unknown, name: string): void => {
    if (typeof value === "string") byField.set(name, (byField.get(name) ?? "") + value);
    else if (Array.isArray(value)) for (const each of value) gather(each, name);
    else if (typeof value === "object" && value !== null) {
      for (const [field, each] of Object.entries(value)) gather(each, field);
    }
  };
  for (const value of valuesOf(response)) gather(value, "");
  return [...byField.values()].some((said) => said.includes(thought));
}

function valuesOf({ text, json, eventstream }: Response): unknown[] {
  if (eventstream !== undefined) return eventstream.map(({ payload }) => payload);
  if (text === undefined) return [json];
  const pieces = text.trimStart().startsWith("{") ? text.split("\n") : framesOf(text).map(({ data }) => data);
  return pieces.flatMap((piece) => {
    try {
      return [JSON.parse(piece) as unknown];
    } catch {
      return [];
    }
  });
}

import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import { isMadeUpCallId } from "../../spec/call-id.ts";
import type { Block, EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import type { Picture } from "../../spec/picture.ts";
import { unseal } from "../../spec/sealed.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import type { Usage } from "../../spec/usage.ts";
import { signatureFor, type WholeThought } from "./signatures.ts";

/**
 * What a streamed and a whole answer have in common. Google's fields that have no canonical name
 * come in `unknown` parts, shaped like responses that hold nothing else:
 * `{candidates: [{index, safetyRatings}]}`, `{promptFeedback}`, `{usageMetadata: {trafficType}}`.
 */

export type Finish = Extract<EventPart, { type: "finish" }>;

/** Google's words for why an answer ended (https://ai.google.dev/api/generate-content#FinishReason). */
const REASONS: ReadonlySet<string> = new Set([
  ...["STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"],
  ...["MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "NO_IMAGE"],
  ...["IMAGE_RECITATION", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"],
  ...["MALFORMED_RESPONSE", "MODEL_ARMOR"],
]);

const REASON_OF: Readonly<Record<FinishReason, string>> = {
  stop: "STOP",
  "stop-sequence": "STOP",
  length: "MAX_TOKENS",
  "tool-calls": "STOP",
  "content-filter": "SAFETY",
  refusal: "SAFETY",
  pause: "OTHER",
  failed: "OTHER",
  other: "OTHER",
};

export function finishWord({ reason, raw }: Finish): string {
  return raw !== null && REASONS.has(raw) ? raw : REASON_OF[reason];
}

/** A block as it grows. */
export interface Piece {
  content: Block;
  text: string;
  signature: string;
  citations: JsonObject[];
}

/**
 * One part of the content, for a block that is whole; undefined where this dialect has none.
 * @param callSignature what the provider signed the call with, where it did so before the call.
 */
export function partOf({ content, text, signature }: Piece, callSignature: string | undefined): JsonObject | undefined {
  switch (content.kind) {
    case "text":
    case "refusal":
      return { text };
    case "reasoning": {
      const part: JsonObject = { text, thought: true };
      if (signature !== "") part.thoughtSignature = signatureFor("signature", signature);
      return part;
    }
    case "redacted-reasoning":
      return sealedPart(content.data);
    case "tool-call": {
      const call: JsonObject = { name: content.name, args: argumentsAsObject(text) };
      if (content.id !== "" && !isMadeUpCallId(content.id)) call.id = content.id;
      const part: JsonObject = { functionCall: call };
      if (callSignature !== undefined) part.thoughtSignature = callSignature;
      return part;
    }
    case "opaque":
      if (content.dialect === "gemini") return content.value;
      return content.picture === undefined ? undefined : picturePart(content.picture);
  }
}

function picturePart(picture: Picture): JsonObject {
  const { mediaType: mimeType } = picture;
  if ("data" in picture) return { inlineData: { mimeType, data: picture.data } };
  return { fileData: { mimeType, fileUri: picture.url } };
}

/** Google's signature of a text stands on a part without text; another provider's sealed thought is a thought without text. */
function sealedPart(data: string): JsonObject {
  const known = unseal(data);
  if (known?.dialect === "gemini") return { text: "", thoughtSignature: known.data };
  return { text: "", thought: true, thoughtSignature: signatureFor("redacted", data) };
}

/** What another provider signed or sealed, with its text; undefined for Google's own, whose calls have signatures of theirs. */
export function wholeThought({ content, signature }: Piece, text: string): WholeThought | undefined {
  if (content.kind === "redacted-reasoning") {
    return unseal(content.data)?.dialect === "gemini" ? undefined : { text: "", redacted: content.data };
  }
  if (content.kind !== "reasoning" || signature === "" || unseal(signature)?.dialect === "gemini") return undefined;
  return { text, signature };
}

/** The signature that belongs to the call which comes next, where this block is one. */
export function callSignatureOf(content: Block): string | undefined {
  if (content.kind !== "redacted-reasoning") return undefined;
  const known = unseal(content.data);
  return known?.dialect === "gemini" && known.place === "call" ? known.data : undefined;
}

/** Google counts the answer, the thoughts and what its own tools read apart from one another. */
export function usageBody(usage: Partial<Usage>, rest: JsonObject | undefined): JsonObject {
  const { input, output, reasoning = 0, cacheRead } = usage;
  const body: JsonObject = {};
  const toolUse = typeof rest?.toolUsePromptTokenCount === "number" ? rest.toolUsePromptTokenCount : 0;
  if (input !== undefined) body.promptTokenCount = Math.max(0, input - toolUse);
  if (cacheRead !== undefined) body.cachedContentTokenCount = cacheRead;
  if (output !== undefined) body.candidatesTokenCount = Math.max(0, output - reasoning);
  if (reasoning > 0) body.thoughtsTokenCount = reasoning;
  if (input !== undefined || output !== undefined) body.totalTokenCount = (input ?? 0) + (output ?? 0);
  return { ...rest, ...body };
}

export function logprobsBody(tokens: readonly TokenLogprob[]): JsonObject {
  return {
    chosenCandidates: tokens.map(({ token, logprob }) => ({ token, logProbability: logprob })),
    topCandidates: tokens.map(({ top }) => ({
      candidates: top.map(({ token, logprob }) => ({ token, logProbability: logprob })),
    })),
  };
}

/** Another provider's citations of web pages, as Google tells what it found. */
export function groundingOf(citations: readonly JsonObject[]): JsonObject | undefined {
  const chunks: Json[] = [];
  for (const citation of citations) {
    const inner = isObject(citation.url_citation) ? citation.url_citation : citation;
    if (typeof inner.url !== "string") continue;
    const title = typeof inner.title === "string" ? inner.title : inner.url;
    chunks.push({ web: { uri: inner.url, title } });
  }
  return chunks.length === 0 ? undefined : { groundingChunks: chunks };
}

/** Keys come from the provider: `__proto__` must not reach what all objects inherit. */
export function merge(into: JsonObject, from: JsonObject): void {
  for (const name of Object.keys(from)) {
    if (name === "__proto__") continue;
    const value = from[name]!;
    const old = Object.hasOwn(into, name) ? into[name] : undefined;
    into[name] = isObject(old) && isObject(value) ? { ...old, ...value } : value;
  }
}

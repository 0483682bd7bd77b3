import type { Json, JsonObject } from "../../../src/kernel/json.ts";
import { type Answer, DEFAULT_USAGE, type Replies, type ReplyOptions } from "./answer.ts";
import { json, type Script, type SseFrame, sse } from "./script.ts";

/** Answers as the Gemini API gives them (https://ai.google.dev/api/generate-content). */

/** What Google signs the first call of an answer with. */
export const SIGNATURE = "c2lnbmVkIGJ5IEdvb2dsZQ==";

const pieces = (text: string | string[] | undefined): string[] => (text === undefined ? [] : [text].flat());

function callParts(answer: Answer): JsonObject[] {
  return (answer.toolCalls ?? []).map((call, index) => {
    const args = JSON.parse([call.arguments].flat().join("") || "{}") as Json;
    const part: JsonObject = { functionCall: { name: call.name, args } };
    if (index === 0) part.thoughtSignature = SIGNATURE;
    return part;
  });
}

function response(answer: Answer, parts: JsonObject[], last: boolean): JsonObject {
  const candidate: JsonObject = { content: { parts, role: "model" }, index: 0 };
  const { input, output, cacheRead, reasoning = 0 } = answer.usage ?? DEFAULT_USAGE;
  const usageMetadata: JsonObject = { promptTokenCount: input };
  if (last) {
    candidate.finishReason = answer.finish ?? "STOP";
    usageMetadata.candidatesTokenCount = output - reasoning;
    if (reasoning > 0) usageMetadata.thoughtsTokenCount = reasoning;
    usageMetadata.totalTokenCount = input + output;
    if (cacheRead !== undefined) usageMetadata.cachedContentTokenCount = cacheRead;
  }
  const responseId = answer.id ?? "resp_1";
  return {
    candidates: [candidate],
    usageMetadata,
    modelVersion: answer.model ?? "gemini-x",
    responseId,
    ...answer.extra,
  };
}

export function body(answer: Answer): JsonObject {
  const parts: JsonObject[] = [];
  const thought = pieces(answer.reasoning).join("");
  if (thought !== "") parts.push({ text: thought, thought: true });
  const text = pieces(answer.text).join("");
  if (text !== "") parts.push({ text });
  return response(answer, [...parts, ...callParts(answer)], true);
}

export function frames(answer: Answer): SseFrame[] {
  const parts: JsonObject[] = [
    ...pieces(answer.reasoning).map((text) => ({ text, thought: true })),
    ...pieces(answer.text).map((text) => ({ text })),
    ...callParts(answer),
  ];
  if (parts.length === 0) parts.push({ text: "" });
  return parts.map(
    (part, index) => `data: ${JSON.stringify(response(answer, [part], index === parts.length - 1))}\r\n\r\n`,
  );
}

export const replies: Replies =
  (answer: Answer, options: ReplyOptions = {}) =>
  (request): Script =>
    request.path.includes(":stream") ? sse(frames(answer), options.stream) : json(200, body(answer), options.unary);

export function failure(status: number, word: string, message: string, details: Json[] = []): Script {
  return json(status, { error: { code: status, message, status: word, details } });
}

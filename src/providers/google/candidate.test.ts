import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { GeminiDecoder } from "./events.ts";
import { responseFunctionName } from "./structured.ts";

const ASKED: ModelRequest = { dialect: "openai-chat", model: "m", messages: [], stream: true, includeUsage: true };

const response = (parts: Json[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: "model" }, ...more }],
});

function stream(responses: readonly Json[]): EventPart[] {
  const decoder = new GeminiDecoder(ASKED);
  const parts = responses.flatMap((each) => decoder.frame({ event: "", data: JSON.stringify(each) }));
  return [...parts, ...decoder.close()];
}

/** Where blocks begin and end, and which one each citation belongs to. */
function placesOf(parts: readonly EventPart[]): string[] {
  return parts.flatMap((part) => {
    if (part.type === "block-start") return [`${part.content.kind} ${part.block}`];
    if (part.type === "block-end") return [`end ${part.block}`];
    if (part.type === "citation") return [`${part.value.url} in ${part.block}`];
    return part.type === "unknown" ? [JSON.stringify(part.value)] : [];
  });
}

describe("a citation stands with a text, and none is opened for it", () => {
  const web = (uri: string) => ({ groundingMetadata: { groundingChunks: [{ web: { uri } }] } });
  const signed = { text: "", thoughtSignature: "dA==" };
  const call = { functionCall: { name: "f", args: {}, id: "c" } };
  const STOP = { finishReason: "STOP" };
  test.each<[string, JsonObject[], string[]]>([
    [
      "where the text is signed",
      [response([{ text: "Hello.", thoughtSignature: "dA==" }], { ...web("u"), ...STOP })],
      ["text 0", "u in 0", "end 0", "redacted-reasoning 1", "end 1"],
    ],
    [
      "where the signature comes behind the text, in the response with the citation",
      [response([{ text: "Hel" }]), response([{ text: "lo." }]), response([signed], { ...web("u"), ...STOP })],
      ["text 0", "u in 0", "end 0", "redacted-reasoning 1", "end 1"],
    ],
    [
      "where it comes behind the signature",
      [response([{ text: "Hello." }, signed], STOP), response([], web("u")), response([], web("v"))],
      ["text 0", "u in 0", "v in 0", "end 0", "redacted-reasoning 1", "end 1"],
    ],
    [
      "where a call follows the text in the response",
      [response([{ text: "Hello.", thoughtSignature: "dA==" }, call], { ...web("u"), ...STOP })],
      ["text 0", "u in 0", "end 0", "redacted-reasoning 1", "end 1", "tool-call 2", "end 2"],
    ],
    [
      "where another text follows the signature",
      [response([{ text: "a", thoughtSignature: "dA==" }, { text: "b", thoughtSignature: "dQ==" }, signed], web("u"))],
      [
        ...["text 0", "u in 0", "end 0", "redacted-reasoning 1", "end 1"],
        ...["text 2", "end 2", "redacted-reasoning 3", "end 3", "redacted-reasoning 4", "end 4"],
      ],
    ],
    [
      "where it comes before the text",
      [response([], web("u")), response([{ text: "Hello." }], STOP)],
      ["text 0", "u in 0", "end 0"],
    ],
    [
      "where there is none, and it is told apart",
      [response([call], { ...web("u"), ...STOP })],
      ["tool-call 0", "end 0", '{"candidates":[{"index":0,"citationMetadata":{"citationSources":[{"uri":"u"}]}}]}'],
    ],
  ])("%s", (_, responses, expected) => {
    expect(placesOf(stream(responses))).toEqual(expected);
  });

  test("where the answer is a function's arguments", () => {
    const request: ModelRequest = { ...ASKED, responseFormat: { type: "json-schema", name: "answer", schema: {} } };
    const tools: ModelRequest["tools"] = [{ type: "function", name: "f" }];
    const name = responseFunctionName({ ...request, tools })!;
    const answer = response([{ functionCall: { name, args: { x: 1 } } }], { ...web("u"), ...STOP });
    expect(placesOf(new GeminiDecoder({ ...request, tools }).unary(JSON.stringify(answer)))).toEqual([
      "text 0",
      "u in 0",
      "end 0",
    ]);
  });

  test("a caller of this dialect is told of a signature with the response that brought it", () => {
    const decoder = new GeminiDecoder({ ...ASKED, dialect: "gemini" });
    const frames = [response([{ text: "x" }, signed]), response([], { ...web("u"), ...STOP })];
    const told = frames.map((each) => placesOf(decoder.frame({ event: "", data: JSON.stringify(each) })));
    expect(told[0]).toEqual(["text 0", "end 0", "redacted-reasoning 1", "end 1"]);
    expect(told[1]!.join()).toStartWith('{"candidates":[{"index":0,"groundingMetadata"');
    expect(placesOf(decoder.close())).toEqual([]);
  });
});

test("a thought that is a picture is no text, and stays what it is for who knows it", () => {
  const picture = { inlineData: { mimeType: "image/png", data: "AAAA" }, thought: true };
  const parts = stream([response([{ text: "hm", thought: true }, picture, { text: "x" }], { finishReason: "STOP" })]);
  expect(placesOf(parts)).toEqual(["reasoning 0", "end 0", "opaque 1", "end 1", "text 2", "end 2"]);
  expect(parts).toContainEqual(
    expect.objectContaining({ content: { kind: "opaque", dialect: "gemini", value: picture } }),
  );
});

import { describe, expect, test } from "bun:test";
import { awsEvent, encodeAwsMessages } from "../../test/support/upstream/aws-event-stream.ts";
import type { Framing } from "../spec/adapter.ts";
import { beginsLikeJson, beginsLikeStream, mayAnswer } from "./sniff.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const AWS = encodeAwsMessages([awsEvent("messageStart", { role: "assistant" })]);

describe("a body begins like a stream", () => {
  test.each<[Framing, string, Uint8Array, boolean]>([
    ["sse", "application/json", bytes('data: {"a":1}\n\n'), true],
    ["sse", "", bytes("event: message_start\ndata: {}\n\n"), true],
    ["google-sse", "text/plain", bytes(": a comment\r\n\r\ndata: {}\r\n\r\n"), true],
    ["sse", "text/plain", bytes("\uFEFF\n\nid:1\n"), true],
    ["sse", "application/json", bytes('{"data": 1}'), false],
    ["sse", "", bytes("database: down"), false],
    ["sse", "", bytes(""), false],
    ["ndjson", "text/event-stream", bytes('{"done":false}\n'), true],
    ["ndjson", "application/json", bytes('{"done":true}'), false],
    ["ndjson", "", bytes("<html>"), false],
    ["aws-event-stream", "**redacted**", AWS, true],
    ["aws-invoke-stream", "", AWS, true],
    ["aws-event-stream", "", AWS.subarray(0, 11), false],
    ["aws-event-stream", "", bytes('{"message":"no"}'), false],
  ])("%s, called %j: %p is %p", (framing, mediaType, body, is) => {
    expect(beginsLikeStream(framing, mediaType, body)).toBe(is);
  });
});

test.each([
  ["{}", true],
  ['\n [{"a":1}]', true],
  ["\uFEFF{}", true],
  ["<html>", false],
  ["", false],
  ['"a text"', false],
])("%j begins like JSON: %p", (body, is) => {
  expect(beginsLikeJson(bytes(body))).toBe(is);
});

test.each([
  ["", true],
  ["**redacted**", true],
  ["text/plain", true],
  ["application/octet-stream", true],
  ["text/html", false],
  ["image/png", false],
])("the content type %j leaves open that it is an answer: %p", (type, open) => {
  expect(mayAnswer(type)).toBe(open);
});

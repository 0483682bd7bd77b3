import { describe, expect, test } from "bun:test";
import type { Operation, Relay } from "../../spec/operation.ts";
import { maskOperation, maskResult, unmaskedOf, writtenIn } from "./guarded-operation.ts";

const clean = (text: string) => text.replaceAll("falcon", "***");

const relay = (fields: Relay["fields"], texts: string[]): Relay => ({ type: "relay", name: "moderate", fields, texts });

describe("Of an operation", () => {
  test.each<[Operation, Operation]>([
    [
      { type: "embed", inputs: [{ text: "a falcon" }, { tokens: [1] }] },
      { type: "embed", inputs: [{ text: "a ***" }, { tokens: [1] }] },
    ],
    [
      { type: "complete", prompts: ["falcon", [1]], suffix: "falcon" },
      { type: "complete", prompts: ["***", [1]], suffix: "***" },
    ],
    [
      relay({ input: ["falcon", [{ type: "text", text: "falcon" }]], n: 1 }, ["input"]),
      relay({ input: ["***", [{ type: "text", text: "***" }]], n: 1 }, ["input"]),
    ],
  ])("every text is rewritten: %j", (given, masked) => {
    expect(maskOperation(given, clean)).toEqual(masked);
  });

  test("addresses and unknown fields are not rewritten, but judged", () => {
    const image = { type: "image_url", image_url: { url: "https://falcon.example" } };
    const operation = relay({ input: [image], voice: "falcon" }, ["input"]);
    expect(maskOperation(operation, clean)).toEqual(operation);
    expect(JSON.stringify(unmaskedOf(operation))).toContain("https://falcon.example");
    expect(unmaskedOf(operation)).toContain("falcon");
  });

  test("the names of files are judged", () => {
    const files = [{ field: "file", name: "falcon.mp3", mediaType: "audio/mpeg", bytes: new Uint8Array(1) }];
    expect(unmaskedOf({ ...relay({}, []), files })).toContain("falcon.mp3");
  });
});

describe("Of what it gave", () => {
  test("texts are rewritten and judged, in JSON or plain", () => {
    const json = { kind: "body", mediaType: "application/json", content: { json: { text: "a falcon" } } } as const;
    expect(maskResult(json, clean)).toEqual({ ...json, content: { json: { text: "a ***" } } });
    expect(writtenIn(json)).toEqual({ text: "a falcon" });
    const text = { kind: "body", mediaType: "text/plain", content: { text: "a falcon" } } as const;
    expect(maskResult(text, clean)).toEqual({ ...text, content: { text: "a ***" } });
    expect(writtenIn(text)).toBe("a falcon");
  });

  const spoken = (text: string) => writtenIn({ kind: "body", mediaType: "text/vtt", content: { text } });

  test.each([
    ["WEBVTT - x\n\n00:00.000 --> 00:01.000 align:start\nA grey\n\n00:01.000 --> 00:02.000\nfalcon.", "A grey falcon."],
    ["1\r\n00:00:00,000 --> 00:00:01,000\r\nA grey\r\n\r\n2\r\n00:00:01,000 --> 00:00:02,000\r\nfalcon.", "A grey falcon."],
    ["1\n00:00:00,000 --> 00:00:01,000\n4711\nis WEBVTT -->\nWEBVTT\n", "4711 is WEBVTT --> WEBVTT"],
    ["no --> subtitles", "no --> subtitles"],
  ])("of subtitles what was said is judged, numbers and arrows too: %j", (text, said) => {
    expect(spoken(text)).toBe(said);
  }); // biome-ignore format: one row a line

  test.each([" ", "-->", "1", "1:", "\u2028-->"])("lines of many %j are read in time in proportion", (unit) => {
    const begun = performance.now();
    spoken(`-->\n${unit.repeat(300_000)}\u2028x`);
    // By its square it would be minutes.
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test("vectors and sounds pass as they are", () => {
    const sound = { kind: "body", mediaType: "audio/mpeg", content: { bytes: new Uint8Array(2) } } as const;
    const vector = { kind: "vector", index: 0, vector: [1] } as const;
    for (const result of [sound, vector]) {
      expect(maskResult(result, clean)).toBe(result);
      expect(writtenIn(result)).toBeUndefined();
    }
  });
});

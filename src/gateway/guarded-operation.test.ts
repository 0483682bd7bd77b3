import { describe, expect, test } from "bun:test";
import type { Operation, Relay } from "../spec/operation.ts";
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

  test("vectors and sounds pass as they are", () => {
    const sound = { kind: "body", mediaType: "audio/mpeg", content: { bytes: new Uint8Array(2) } } as const;
    const vector = { kind: "vector", index: 0, vector: [1] } as const;
    for (const result of [sound, vector]) {
      expect(maskResult(result, clean)).toBe(result);
      expect(writtenIn(result)).toBeUndefined();
    }
  });
});

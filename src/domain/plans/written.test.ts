import { expect, test } from "bun:test";
import type { ModelRequest } from "../../spec/request.ts";
import { asksForSound } from "./written.ts";

test.each<[Partial<ModelRequest>, boolean]>([
  [{}, false],
  [{ extra: { modalities: ["text"] } }, false],
  [{ extra: { modalities: ["text", "audio"] } }, true],
  [{ extra: { audio: { voice: "alloy", format: "wav" } } }, true],
  [{ extra: { generationConfig: { responseModalities: ["AUDIO"] } } }, true],
  [{ extra: { generationConfig: { speechConfig: {} } } }, true],
  [{ extra: { generationConfig: { seed: 1 } } }, false],
  [{ operation: { type: "relay", name: "audio.speech", fields: {}, texts: [] } }, true],
  [{ operation: { type: "relay", name: "images.generate", fields: {}, texts: [] } }, false],
])("%j asks for sound: %p", (over, sound) => {
  const request: ModelRequest = {
    dialect: "openai-chat",
    model: "m",
    messages: [],
    stream: false,
    includeUsage: false,
  };
  expect(asksForSound({ ...request, ...over })).toBe(sound);
});

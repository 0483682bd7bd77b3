import { expect, test } from "bun:test";
import { UnsupportedFeature } from "../spec/adapter.ts";
import { textToEmbed } from "./text-to-embed.ts";

test("texts are embedded, and tokens refused by the name of the field and of who cannot read them", () => {
  expect(textToEmbed({ text: "a" }, "Cohere")).toBe("a");
  const tokens = () => textToEmbed({ tokens: [1, 2] }, "Cohere");
  expect(tokens).toThrow(UnsupportedFeature);
  expect(tokens).toThrow(
    expect.objectContaining({ field: "input", message: "Cohere takes text to embed, not tokens." }),
  );
});

import { expect, test } from "bun:test";
import type { EventPart } from "../../spec/event.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Tally } from "../metering/tally.ts";
import { canned } from "./canned.ts";

test("an answer that is made here is counted before it goes on, and is owed", async () => {
  const request = openaiChat.decode({ model: "demo", messages: [{ role: "user", content: "hi" }] });
  const asked = { owed: false, tally: new Tally(request, false) };
  const parts: EventPart[][] = [
    [{ type: "start" }],
    [{ type: "usage", usage: { input: 3, output: 2 } }, { type: "end" }],
  ];
  const batches = await Array.fromAsync(canned(parts, asked));
  expect(batches.flat().map((event) => event.parts)).toEqual(parts);
  expect(asked.owed).toBe(true);
  expect(asked.tally.over).toBe("end");
});

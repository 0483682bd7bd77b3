import { expect, test } from "bun:test";
import type { EventBatch, EventPart } from "../../spec/event.ts";
import { begun } from "./begun.ts";

const start: EventPart = { type: "start" };
const ping: EventPart = { type: "ping" };
const text: EventPart = { type: "text-delta", choice: 0, block: 0, text: "a" };
const error: EventPart = { type: "error", error: { status: 529, message: "busy" } };

function stream(...batches: EventPart[][]) {
  const state = { read: 0, closed: false };
  async function* events(): AsyncGenerator<EventBatch> {
    try {
      for (const parts of batches) {
        state.read++;
        yield [{ parts }];
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, events: events() };
}

async function partsOf(events: AsyncIterable<EventBatch>): Promise<string[]> {
  const types: string[] = [];
  for await (const batch of events) for (const event of batch) types.push(...event.parts.map((part) => part.type));
  return types;
}

test("it reads as far as the first thing that a caller could see, and gives all of it back", async () => {
  const { state, events } = stream([start], [ping], [text], [text]);
  const answer = await begun(events);
  expect(state.read).toBe(3);
  expect(await partsOf(answer)).toEqual(["start", "ping", "text-delta", "text-delta"]);
});

test("an error before that is thrown, so that another target may be asked, and the stream is closed", async () => {
  const { state, events } = stream([start], [error], [text]);
  await expect(begun(events)).rejects.toMatchObject({ code: "upstream_error", status: 503 });
  expect(state.closed).toBe(true);
});

test("an error after that is part of the answer", async () => {
  expect(await partsOf(await begun(stream([text], [error]).events))).toEqual(["text-delta", "error"]);
});

test("an error in one read with text is part of the answer, unless somebody else may be asked", async () => {
  expect(await partsOf(await begun(stream([start, text, error]).events))).toEqual(["start", "text-delta", "error"]);
  const { state, events } = stream([start, text, error]);
  await expect(begun(events, true)).rejects.toMatchObject({ code: "upstream_error", status: 503 });
  expect(state.closed).toBe(true);
});

test("an error in one read before text is none", async () => {
  await expect(begun(stream([start, error, text]).events)).rejects.toMatchObject({ code: "upstream_error" });
});

test("keep-alives are not held back for ever", async () => {
  const { state, events } = stream(...Array.from({ length: 200 }, () => [ping]));
  await begun(events);
  expect(state.read).toBe(64);
});

test("no event at all is no answer", async () => {
  await expect(begun(stream().events)).rejects.toThrow("empty");
});

test("whoever leaves early closes the stream behind it", async () => {
  const { state, events } = stream([text], [text]);
  await (await begun(events)).return();
  expect(state.closed).toBe(true);
});

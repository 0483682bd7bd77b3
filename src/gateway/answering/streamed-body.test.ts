import { expect, test } from "bun:test";
import type { EventBatch } from "../../spec/event.ts";
import type { AnswerEncoder } from "../../spec/wire.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Call } from "../call.ts";
import type { Settled } from "../settle.ts";
import { StreamedBody } from "./streamed-body.ts";

const BATCH: EventBatch = [{ parts: [{ type: "text-delta", choice: 0, block: 0, text: "a" }] }];

/** A body of two batches, and what becomes of the call behind it. */
function setUp(writer: Partial<AnswerEncoder>) {
  const clock = { now: () => 0, ticks: () => 0 };
  const arrival = {
    request: new Request("http://a/"),
    sockets: { timeout: () => {} },
    path: "/",
    query: "",
    peer: "127.0.0.1",
  };
  const call = new Call(arrival, "call_1", openaiChat, clock, 1_000);
  const seen: string[] = [];
  async function* events(): AsyncGenerator<EventBatch> {
    yield BATCH;
  }
  const settled = {
    call,
    record: undefined,
    events: events(),
    abandon: async (thrown: Error, outcome: string) => void seen.push(`${outcome}: ${thrown.message}`),
  } as unknown as Settled;
  const told = { errorFrame: () => "error", relayed: () => {}, ...writer } as unknown as AnswerEncoder;
  return { seen, stream: new StreamedBody(settled, told, BATCH, 1_000).stream() };
}

test("a batch that cannot be written ends the call as cut, and then the stream with an error", async () => {
  let written = 0;
  const { seen, stream } = setUp({
    frames: () => {
      if (++written === 2) throw new Error("no such part");
      return "first ";
    },
  });
  const reader = stream.getReader();
  const text = async () => new TextDecoder().decode((await reader.read()).value);
  expect([await text(), seen]).toEqual(["first ", []]);
  expect([await text(), seen]).toEqual(["error", ["cut: no such part"]]);
  expect((await reader.read()).done).toBe(true);
});

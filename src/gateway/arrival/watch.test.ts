import { expect, test } from "bun:test";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { Call } from "../call.ts";
import { Watch } from "./watch.ts";

function setUp(totalMs = 1_000) {
  const clock = { at: 0, now: () => clock.at, ticks: () => clock.at };
  const watch = new Watch(clock);
  const arrival = {
    request: new Request("http://a/"),
    sockets: { timeout: () => {} },
    path: "/",
    query: "",
    peer: "127.0.0.1",
  };
  const call = new Call(arrival, "call_1", openaiChat, clock, totalMs);
  watch.add(call);
  call.onEnd(() => watch.remove(call));
  return { clock, watch, call };
}

test("a wait that lasts too long aborts the call with the reason of that wait", () => {
  const { clock, watch, call } = setUp();
  call.expect("upstream_timeout", 200);
  clock.at = 199;
  watch.sweep();
  expect(call.aborted).toBeUndefined();
  clock.at = 200;
  watch.sweep();
  expect(call.aborted?.code).toBe("upstream_timeout");
});

test("a new wait replaces the one before, and none outlives the deadline of the whole", () => {
  const { clock, watch, call } = setUp(500);
  call.expect("upstream_timeout", 200);
  clock.at = 150;
  call.expect("upstream_timeout", 10_000);
  clock.at = 499;
  watch.sweep();
  expect(call.aborted).toBeUndefined();
  clock.at = 500;
  watch.sweep();
  expect(call.aborted?.code).toBe("deadline_exceeded");
});

test("a call that is over cannot be aborted, is not watched, and gives back what it held once", () => {
  const { clock, watch, call } = setUp();
  let released = 0;
  call.onEnd(() => released++);
  call.end();
  call.end();
  clock.at = 10_000;
  watch.sweep();
  expect(call.aborted).toBeUndefined();
  expect(watch.open).toBe(0);
  expect(released).toBe(1);
});

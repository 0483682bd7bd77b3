import { expect, test } from "bun:test";
import { PassThrough, Writable } from "node:stream";
import { outputTo } from "./output.ts";

/** A reader that takes what it is given when it is told to. */
function slowReader() {
  const waiting: (() => void)[] = [];
  let text = "";
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      waiting.push(() => {
        text += String(chunk);
        done();
      });
    },
  });
  const takeAll = () => {
    for (let take = waiting.shift(); take !== undefined; take = waiting.shift()) take();
  };
  return { stream, takeAll, taken: () => text };
}

test("what is written arrives in order, and is waited for", async () => {
  const { stream, takeAll, taken } = slowReader();
  const output = outputTo(stream);
  expect(output.write("one ")).toBe(true);
  expect(output.write("two")).toBe(true);
  let told = false;
  const telling = output.taken(60_000).then(() => {
    told = true;
  });
  await Promise.resolve();
  expect(told).toBe(false);
  takeAll();
  await telling;
  expect(taken()).toBe("one two");
});

test("nothing waits for an output that has nothing to say", async () => {
  await outputTo(new PassThrough()).taken(60_000);
});

test("a reader that never takes anything is not waited for longer than asked", async () => {
  const output = outputTo(slowReader().stream);
  output.write("unread");
  await output.taken(1);
});

test("behind a reader that has stopped, no more than the bound gathers, and it goes on when the reader does", async () => {
  const { stream, takeAll, taken } = slowReader();
  const output = outputTo(stream, 10);
  expect(output.write("12345678")).toBe(true);
  expect(output.write("thrown away")).toBe(false);
  takeAll();
  await output.taken(60_000);
  expect(output.write("90")).toBe(true);
  takeAll();
  await output.taken(60_000);
  expect(taken()).toBe("1234567890");
});

test("a reader that is gone is nobody's error", async () => {
  const broken = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const output = outputTo(broken);
  output.write("into the void");
  await output.taken(60_000);
});

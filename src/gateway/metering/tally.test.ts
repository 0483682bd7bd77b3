import { describe, expect, test } from "bun:test";
import type { Json } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";
import type { RelayName } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { Tally } from "./tally.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "x".repeat(40) }] }],
  stream: true,
  includeUsage: false,
};

function tallied(...parts: EventPart[]) {
  const tally = new Tally(request, true);
  tally.see({ parts });
  return tally;
}
const most = () => ({ input: 1_000, output: 10_000 });
const text = (value: string): EventPart => ({ type: "text-delta", choice: 0, block: 0, text: value });
const usage = (input: number, output: number): EventPart => ({ type: "usage", usage: { input, output } });

test("a whole answer is charged as reported", () => {
  expect(tallied(text("hi"), usage(5, 6), { type: "end" }).usage(most, true)).toEqual({
    usage: { input: 5, output: 6 },
    source: "reported",
  });
});

test("an answer is written when each of its choices is, however often that is said of one", () => {
  const finish = (choice: number): EventPart => ({ type: "finish", choice, reason: "stop", raw: "stop" });
  const written = (...parts: EventPart[]) => {
    const tally = new Tally({ ...request, choices: 2 }, false);
    tally.see({ parts });
    return tally.isWritten;
  };
  expect([written(finish(0)), written(finish(0), finish(0)), written(finish(0), finish(1))]).toEqual([
    false,
    false,
    true,
  ]);
  expect(written(finish(0), { type: "end" })).toBe(true);
});

test("an answer is a refusal when it says nothing else, and nothing was used for it", () => {
  const refused = (status: number, ...before: EventPart[]) =>
    tallied({ type: "start" }, ...before, { type: "error", error: { status, message: "no" } }).isRefused;
  expect([400, 401, 429].map((status) => refused(status))).toEqual([true, true, true]);
  expect([refused(502), refused(401, text("x")), refused(429, usage(5, 0))]).toEqual([false, false, false]);
  expect(tallied(text("x"), { type: "end" }).isRefused).toBe(false);
});

test("cumulative reports replace one another", () => {
  expect(tallied(usage(5, 1), usage(5, 2), usage(5, 9), { type: "end" }).usage(most, true).usage.output).toBe(9);
});

test("an answer that was cut is charged for the prompt and what was streamed", () => {
  expect(tallied(text("x".repeat(400))).usage(most, true)).toEqual({
    usage: { input: 14, output: 100 },
    source: "counted",
  });
});

test("a prompt of a cut answer is charged by its tokens where these are known, never above what was reserved", () => {
  const cut = (prompt: number) => tallied(text("hi")).usage(() => ({ ...most(), prompt }), true).usage.input;
  expect([cut(37), cut(2_000)]).toEqual([37, 1_000]);
});

test("no answer is counted as more tokens than it could have, however long they are", () => {
  const cut = tallied(text(" ".repeat(400))).usage(() => ({ input: 1_000, output: 5 }), true);
  expect(cut).toEqual({ usage: { input: 14, output: 5 }, source: "counted" });
  const told = tallied(text("x"), usage(5, 9)).usage(() => ({ input: 1_000, output: 5 }), true);
  expect(told.usage.output).toBe(9);
});

test("a report that cannot be true is replaced by what was counted", () => {
  for (const [input, output] of [
    [-1, 5],
    [5, -1],
    [1e12, 5],
    [5, 1.5],
    [Number.NaN, 5],
  ] as const) {
    expect(tallied(text("x".repeat(40)), usage(input, output), { type: "end" }).usage(most, true).source).toBe(
      "counted",
    );
  }
});

test("a report of nothing is replaced by what was counted, where there was something", () => {
  const whole = (...parts: EventPart[]) => tallied(...parts, { type: "end" }).usage(most, true);
  const counted = { usage: { input: 14, output: 10 }, source: "counted" } as const;
  expect(whole(text("x".repeat(40)), usage(0, 0))).toEqual(counted);
  expect(whole(text("x".repeat(40)), usage(0, 10))).toEqual(counted);
  expect(whole(text("x".repeat(40)), usage(5, 0)).usage).toEqual({ input: 5, output: 10 });
  expect(whole(usage(5, 0))).toEqual({ usage: { input: 5, output: 0 }, source: "reported" });
});

describe("a stream that its caller leaves after a silence", () => {
  const left = (silentMs: number, ...parts: EventPart[]) => tallied(...parts).usage(most, true, silentMs).usage.output;

  test("is charged for what may have been thought in it, but for its first second", () => {
    expect([0, 1_000, 1_010, 6_000].map((ms) => left(ms))).toEqual([0, 0, 1, 500]);
    expect(left(6_000, text("x".repeat(40)))).toBe(510);
  });

  test("is charged no more than was reserved", () => {
    expect(left(3_600_000, text("x".repeat(40)))).toBe(10_000);
  });

  test("is charged as told, where the provider tells as it goes, or has told all", () => {
    expect(left(6_000, text("x".repeat(40)), usage(5, 30))).toBe(30);
    expect(left(6_000, text("x".repeat(40)), usage(5, 30), { type: "end" })).toBe(30);
  });

  test("is charged what was seen, where the provider broke it off, or ended it without counts", () => {
    expect(tallied(text("x".repeat(40))).usage(most, false, 6_000).usage.output).toBe(10);
    expect(left(6_000, text("x".repeat(40)), { type: "end" })).toBe(10);
  });
});

describe("a report that is far from what was reserved is replaced by what was counted:", () => {
  const bounded = (over: object) => () => ({ ...most(), ...over });
  const rows: [string, number, number, object, boolean][] = [
    ["a prompt that a host puts much around", 40_000, 5, {}, true],
    ["a prompt of sixty times what was reserved", 60_001, 5, {}, false],
    ["a prompt that is large and was reserved as such", 900_000, 5, { input: 900_000 }, true],
    ["an answer ten times as long as it could be", 5, 150_000, {}, true],
    ["an answer longer than that", 5, 150_001, {}, false],
    ["a prompt of twice what the model takes", 256_000, 5, { input: 100_000, contextTokens: 128_000 }, true],
    ["a prompt of more", 256_001, 5, { input: 100_000, contextTokens: 128_000 }, false],
  ];
  test.each(rows)("%s", (_, input, output, over, believed) => {
    const { usage: used, source } = tallied(text("hi"), usage(input, output), { type: "end" }).usage(
      bounded(over),
      true,
    );
    expect(source).toBe(believed ? "reported" : "counted");
    if (believed) expect(used).toEqual({ input, output });
    else expect(used.input + used.output).toBeLessThan(100);
  });

  test("but what the provider's own tools read is told in one sum, whatever the model takes at once", () => {
    const searching = new Tally({ ...request, dialectBound: ["conversation"] }, false);
    searching.see({ parts: [usage(700_000, 5), { type: "end" }] });
    const held = bounded({ input: 128_000, contextTokens: 128_000 });
    expect(searching.usage(held, true)).toEqual({ usage: { input: 700_000, output: 5 }, source: "reported" });
  });
});

test("a part that is larger than its whole is not on record, and nothing is cheaper for it", () => {
  const told = (parts: object) =>
    tallied({ type: "usage", usage: { input: 10, output: 5, ...parts } }, { type: "end" }).usage(most, true).usage;
  expect(told({ cacheRead: 4, cacheWrite: 6, reasoning: 5 })).toEqual({ input: 10, output: 5, cacheRead: 4, cacheWrite: 6, reasoning: 5 }); // biome-ignore format: one line
  for (const parts of [
    { cacheRead: 11 },
    { cacheRead: 6, cacheWrite: 6 },
    { cacheWrite: -1 },
    { audioInput: 10.5 },
    { imageInput: Number.NaN },
    { reasoning: 6 },
    { audioOutput: 1e300 },
  ]) {
    expect(told(parts)).toEqual({ input: 10, output: 5 });
  }
});

test("what is written for a picture is picture, where nobody says otherwise", () => {
  const operation = { type: "relay" as const, name: "images.generate" as const, fields: {}, texts: [] };
  const drawn = new Tally({ ...request, operation, stream: false }, false);
  drawn.see({ parts: [usage(5, 900), { type: "end" }] });
  expect(drawn.usage(most, true).usage).toEqual({ input: 5, output: 900, imageOutput: 900 });
});

test("bytes are counted as UTF-8", () => {
  expect(tallied(text("é".repeat(40))).usage(most, true).usage.output).toBe(20);
  expect(tallied(text("😀".repeat(40))).usage(most, true).usage.output).toBe(40);
});

describe("an answer of which nothing was seen", () => {
  const asked = (over: Partial<ModelRequest>) => new Tally({ ...request, ...over }, false).usage(most, true);

  test("is charged its bound where the caller set one, else that of a long answer: the provider writes on", () => {
    expect(asked({ stream: false, maxOutputTokens: 700, choices: 2 })).toEqual({
      usage: { input: 14, output: 1_400 },
      source: "reserved",
    });
    expect(asked({ stream: false }).usage.output).toBe(4_096);
    expect(asked({ stream: false, maxOutputTokens: 1e6 }).usage.output).toBe(most().output);
  });

  test("is charged nothing as a stream, which ends with its caller", () => {
    expect(asked({ stream: true, maxOutputTokens: 700 })).toEqual({
      usage: { input: 14, output: 0 },
      source: "counted",
    });
  });

  test("is charged all that is reserved where it goes on in the background, and may be fetched later", () => {
    const extra = { background: true };
    const all = { usage: { input: most().input, output: most().output }, source: "reserved" as const };
    expect(asked({ stream: true, extra })).toEqual(all);
    const tally = new Tally({ ...request, stream: false, extra }, false);
    const json = { id: "resp_1", status: "queued" };
    const content = { kind: "body", mediaType: "application/json", content: { json } } as const;
    tally.see({ parts: [{ type: "start" }, { type: "result", result: content }, { type: "end" }] });
    expect(tally.usage(most, false)).toEqual(all);
    for (const code of ["upstream_cut", "upstream_malformed", "server_error"]) {
      const broken = new Tally({ ...request, stream: true, extra }, false);
      broken.see({ parts: [{ type: "start" }, { type: "error", error: { status: 502, message: "x", code } }] });
      expect(broken.usage(most, false)).toEqual(all);
    }
    // One that failed goes on no more.
    const failed = new Tally({ ...request, stream: true, extra }, false);
    const final = { status: 502, message: "x", final: true } as const;
    failed.see({ parts: [{ type: "start" }, { type: "error", error: final }] });
    expect(failed.usage(most, false).source).toBe("counted");
    // What has ended is charged as told.
    const ended = new Tally({ ...request, stream: true, extra }, false);
    ended.see({ parts: [{ type: "usage", usage: { input: 5, output: 6 } }, { type: "end" }] });
    expect(ended.usage(most, false)).toEqual({ usage: { input: 5, output: 6 }, source: "reported" });
  });

  test("is charged nothing where the provider ended it, unless to say that it is not finished", () => {
    const tally = new Tally({ ...request, stream: false, maxOutputTokens: 700 }, false);
    expect(tally.usage(most, false).usage.output).toBe(0);
    const failing = (unfinished: object) => {
      tally.see({ parts: [{ type: "error", error: { status: 502, message: "x", ...unfinished } }] });
      return tally.usage(most, true).usage.output;
    };
    expect(failing({})).toBe(0);
    expect(failing({ unfinished: true })).toBe(700);
  });

  test("is charged for the media of its prompt, and never more than was reserved", () => {
    const data = "A".repeat(2_000_000);
    const pdf = { type: "document", source: { kind: "base64", mediaType: "application/pdf", data } } as const;
    const messages = [{ role: "user" as const, parts: [pdf] }];
    expect(asked({ messages }).usage.input).toBe(1_000);
    const roomy = () => ({ input: 1e9, output: 1e9 });
    expect(new Tally({ ...request, messages }, false).usage(roomy, true).usage.input).toBeGreaterThan(90_000);
  });
});

describe("a relayed answer without a count of tokens", () => {
  const relayed = (name: RelayName, content: { bytes: Uint8Array } | { text: string } | { json: Json }, told = {}) => {
    const operation = { type: "relay", name, fields: { prompt: "x".repeat(40) }, texts: ["prompt"] } as const;
    const tally = new Tally({ ...request, stream: false, messages: [], operation }, false);
    const result = { kind: "body", mediaType: "x/y", content } as const;
    tally.see({ parts: [{ type: "result", result }, { type: "usage", usage: told }, { type: "end" }] });
    return tally.usage(() => ({ input: 1_000, output: 20_000 }), false);
  };

  test("is charged by its size where it is sound or what was heard, pictures as they were reserved", () => {
    expect(relayed("audio.speech", { bytes: new Uint8Array(128_000) })).toEqual({
      usage: { input: 10, output: 1_000 },
      source: "counted",
    });
    expect(relayed("audio.transcribe", { text: "x".repeat(400) }).usage.output).toBe(100);
    expect(relayed("audio.transcribe", { json: { text: "x".repeat(400) } }).usage.output).toBe(100);
    expect(relayed("images.generate", { json: { data: [{ url: "https://a/b" }] } })).toEqual({
      usage: { input: 10, output: 20_000, imageOutput: 20_000 },
      source: "reserved",
    });
  });

  test("is charged as reported where there is one, and nothing where no model writes", () => {
    expect(relayed("images.generate", { json: {} }, { input: 5, output: 6 }).source).toBe("reported");
    expect(relayed("rerank", { json: { results: ["x".repeat(400)] } }, { output: 0 }).usage.output).toBe(0);
  });
});

test("text is kept only where the API captures, and only what has passed the guards", () => {
  const capturing = tallied(text("a secret"));
  capturing.keep({ parts: [text("a ***"), text("b")] });
  expect(capturing.capture()?.answer).toBe("a ***b");
  const other = new Tally(request, false);
  other.keep({ parts: [text("a")] });
  expect(other.capture()).toBeNull();
});

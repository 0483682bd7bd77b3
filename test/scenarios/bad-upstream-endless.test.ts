/**
 * Bad upstream, third part: providers that never stop. The gateway takes no more than its
 * bound, closes the connection, and its memory does not follow what the provider would send.
 * The emulator makes its gigabytes while it sends them, so the process would show them.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { UNBOUNDED_OUTPUT_TOKENS } from "../../src/domain/plans/estimate.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { MAX_ANSWER_BYTES, MAX_ERROR_BYTES, MAX_FRAME_BYTES, MAX_STREAM_BYTES } from "../../src/kernel/bounds.ts";
import { type DialectName, MODELS, PAIRS, PROVIDERS, Scene } from "../support/scene.ts";
import { endless, longLine, raw, type Script, sse, text } from "../support/upstream.ts";

const GIGABYTE = 1_000_000_000;
/** What the socket buffers of both sides may have taken beside what the gateway read: Linux lets them grow to 4 and 32 MB. */
const BUFFERED = 40 * 1_048_576;
/** Of this process, the emulator and the client in it. Garbage is collected late where there is much of it. */
const GROWTH = 320 * 1_048_576;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

/** The most memory that the process had while this ran, above what it had before, in bytes. */
async function growth(run: () => Promise<void>): Promise<number> {
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 3);
  await run();
  clearInterval(looking);
  return Math.max(most, process.memoryUsage.rss()) - before;
}

const letters = (head: string): Script => [
  ...raw(head),
  { do: "fill", unit: Buffer.alloc(65_536, "a"), total: GIGABYTE, everyMs: 0 },
  { do: "close" },
];
const aFrame = (provider: DialectName, size: number) =>
  PROVIDERS[provider].frames({ text: ["one ", "a".repeat(size)] }).find((frame) => frame.includes("aaaa"))!;
const beginning = (provider: DialectName): Script =>
  sse(PROVIDERS[provider].frames({ text: ["one ", "two "] }).slice(0, 4), { framing: "close" }).slice(0, -1);
/** 256 MB of one letter, packed once. */
const PACKED = Bun.gzipSync(Buffer.alloc(256 * 1_048_576, "a"));
const gzipped = (status: number, contentType: string): Script =>
  text(status, PACKED, { contentType, headers: { "content-encoding": "gzip" } });

interface Row {
  name: string;
  stream: boolean;
  script(provider: DialectName): Script;
  /** What the gateway may take of it, in bytes. */
  bound: number;
  code: ErrorCode;
  status?: number;
  /** Whether the caller has seen something before. */
  begun?: boolean;
  /** Whether the provider may send all of it: then its connection is as good as any other. */
  small?: boolean;
}

const rows: Row[] = [
  { name: "one line of a gigabyte", stream: true, script: () => longLine(GIGABYTE), bound: MAX_FRAME_BYTES, code: "upstream_malformed" },
  { name: "one line of a gigabyte after some text", stream: true, script: (provider) => [...beginning(provider), ...longLine(GIGABYTE).slice(1)], bound: MAX_FRAME_BYTES, code: "upstream_malformed", begun: true },
  { name: "lines of one event for ever", stream: true, script: () => endless("data: a\n", { total: GIGABYTE }), bound: MAX_FRAME_BYTES, code: "upstream_malformed" },
  { name: "a field that never ends", stream: true, script: () => letters("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nevent: "), bound: MAX_FRAME_BYTES, code: "upstream_malformed" },
  { name: "a whole answer of a gigabyte, length untold", stream: false, script: () => letters('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"id":"'), bound: MAX_ANSWER_BYTES, code: "upstream_malformed" },
  { name: "a whole answer of a gigabyte, length told", stream: false, script: () => letters(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${GIGABYTE}\r\n\r\n{"id":"`), bound: 0, code: "upstream_malformed" },
  { name: "a gigabyte in place of a stream", stream: true, script: () => letters('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"id":"'), bound: MAX_ANSWER_BYTES, code: "upstream_malformed" },
  { name: "an error of a gigabyte", stream: false, script: () => letters("HTTP/1.1 500 X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"), bound: MAX_ERROR_BYTES, code: "upstream_error", status: 502 },
  { name: "a redirect of a gigabyte", stream: false, script: () => letters("HTTP/1.1 302 X\r\nLocation: /\r\nConnection: close\r\n\r\n"), bound: 0, code: "upstream_malformed" },
  { name: "a web page of a gigabyte", stream: true, script: () => letters("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"), bound: 0, code: "upstream_malformed" },
  { name: "a header of a gigabyte", stream: false, script: () => letters("HTTP/1.1 200 OK\r\nX-Long: "), bound: 0, code: "upstream_malformed" },
  { name: "gzip that unpacks to 256 MB, as an answer", stream: false, script: () => gzipped(200, "application/json"), bound: 1_048_576, code: "upstream_malformed", small: true },
  { name: "gzip that unpacks to 256 MB, as a stream", stream: true, script: () => gzipped(200, "text/event-stream"), bound: 1_048_576, code: "upstream_malformed", small: true },
  { name: "gzip that unpacks to 256 MB, as an error", stream: false, script: () => gzipped(500, "application/json"), bound: 1_048_576, code: "upstream_error", status: 502, small: true },
]; // biome-ignore format: a table

describe.each(PAIRS)("$front in front of $provider", ({ front, provider }) => {
  test.each(rows)("$name is cut at the bound", async ({ stream, script, bound, code, status, begun, small }) => {
    scene.up.answer(script(provider));
    const grown = await growth(async () => {
      const response = await scene.call(front, { model: MODELS[provider], stream });
      const told = status === undefined ? { code } : { code, status };
      if (begun) await scene.brokeOff(front, response, told);
      else await scene.refused(front, response, { ...told, param: null, outcome: "failed", upstream: 1 });
      const request = scene.up.requests[0]!;
      if (!small) expect((await request.closed).by).toBe("peer");
      expect(request.bytesTaken).toBeLessThan(bound + BUFFERED);
    });
    expect(grown).toBeLessThan(GROWTH);
  });
});

describe("a stream that never ends, to a caller who never stops reading", () => {
  test.each(PAIRS.filter(({ front }) => front === "openai"))(
    "is cut at the bound of a stream, charged as counted ($front, $provider)",
    async ({ front, provider }) => {
      const size = 1_000_000;
      scene.up.answer(
        [...beginning(provider), ...endless(aFrame(provider, size), { total: GIGABYTE }).slice(1)].map((step) =>
          plain(step, aFrame(provider, size)),
        ),
      );
      let seen = 0;
      const grown = await growth(async () => {
        const response = await scene.call(front, { model: MODELS[provider], stream: true });
        let tail = "";
        for await (const chunk of response.body!) {
          seen += chunk.length;
          tail = Buffer.from(chunk.subarray(-400)).toString();
        }
        expect(tail).toContain("The provider sent something that is no answer.");
      });
      const record = await scene.record();
      expect(record).toMatchObject({ outcome: "cut", errorCode: "upstream_malformed", usageSource: "counted" });
      expect(seen).toBeGreaterThan(MAX_STREAM_BYTES * 0.9);
      // Not by its bytes: no answer has more tokens than the longest that there is.
      expect(record.outputTokens).toBe(UNBOUNDED_OUTPUT_TOKENS);
      expect((await scene.up.requests[0]!.closed).by).toBe("peer");
      expect(scene.up.requests[0]!.bytesTaken).toBeLessThan(MAX_STREAM_BYTES + BUFFERED);
      expect(grown).toBeLessThan(GROWTH);
    },
  );
});

/** `endless` cuts its frames into chunks of HTTP; after a head without a length they are bytes as they are. */
function plain(step: Script[number], frame: string): Script[number] {
  return step.do === "fill" ? { ...step, unit: Buffer.from(frame) } : step;
}

test("events that say nothing yet are not gathered without bound before the caller sees them", async () => {
  const event = `data: ${JSON.stringify({ type: "from_the_future", pad: "a".repeat(4_000_000) })}\n\n`;
  scene.up.answer(sse([event, event, event, event], { ends: "silence" }));
  const response = await scene.call("anthropic", { model: "claude", stream: true });
  const reader = response.body!.getReader();
  for (let seen = 0; seen < 4_000_000; ) seen += (await reader.read()).value!.length;
  await reader.cancel();
  expect((await scene.record()).outcome).toBe("cancelled");
}); // biome-ignore format: rows

/**
 * A picture of the answer that the caller's dialect has no place for is left out, and never in silence. Proves
 * gateway/settle.ts and streamed-body.ts.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { CatalogModel } from "../../src/domain/catalog/catalog.ts";
import { type App, chat, messages, post, startApp } from "../support/app.ts";
import { json, sse, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let app: App;
beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({
    upstream: up.url,
    providers: [{ name: "goo", kind: "google", baseUrl: `${up.url}/v1beta` }],
    models: [
      { name: "painter", targets: [{ provider: "goo", model: "gemini-2.5-flash-image", weight: 1 }], fallbacks: [] },
    ] satisfies CatalogModel[],
  });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

const DATA = "iVBORw0KGgoAAAANSUhEUg";
const ANSWER = {
  candidates: [
    {
      content: { parts: [{ text: "Here:" }, { inlineData: { mimeType: "image/png", data: DATA } }] },
      finishReason: "STOP",
    },
  ],
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 9, totalTokenCount: 12 },
};
const LEFT_OUT = /content: the answer has a picture/;

const asked = async (path: string, body: Record<string, unknown>, stream: boolean) => {
  up.forget();
  // In a stream the picture comes behind a text, when the headers are out.
  const text = { candidates: [{ content: { parts: [{ text: "So. " }] } }] };
  up.answer(stream ? sse([{ data: text }, { data: ANSWER }], { split: "frames" }) : json(200, ANSWER));
  const response = await post(app, { path, body: { ...body, model: "painter", stream } });
  const told = await response.text();
  return { told, header: response.headers.get("x-sallyport-warnings") ?? "", record: (await app.records()).at(-1)! };
};

test("a whole answer says so in its header, and on record", async () => {
  const { told, header, record } = await asked("/v1/messages", messages(), false);
  expect(told).toContain("Here:");
  expect(told).not.toContain(DATA);
  expect(header).toMatch(LEFT_OUT);
  expect(record.warnings).toEqual([expect.stringMatching(LEFT_OUT)]);
});

test("a stream says so at its end, and on record", async () => {
  const { told, header, record } = await asked("/v1/messages", messages(), true);
  expect(told).not.toContain(DATA);
  expect(header).not.toMatch(LEFT_OUT);
  const last = told.split("\n").find((line) => line.startsWith(": sallyport "));
  expect(JSON.parse(last!.slice(": sallyport ".length)).warnings).toEqual([expect.stringMatching(LEFT_OUT)]);
  expect(record.warnings).toEqual([expect.stringMatching(LEFT_OUT)]);
});

test("where it has a place, nothing is said to be missing", async () => {
  for (const stream of [false, true]) {
    const { told, header, record } = await asked("/v1/chat/completions", chat(), stream);
    expect(told).toContain(`data:image/png;base64,${DATA}`);
    expect(`${header}${record.warnings.join()}`).not.toMatch(LEFT_OUT);
    expect(told).not.toContain(`"warnings"`);
  }
});

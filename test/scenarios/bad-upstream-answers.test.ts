/**
 * Bad upstream, first part: providers that answer with something else than an answer. As
 * long as the caller has seen nothing, it gets a status and an error in its own dialect.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../src/errors.ts";
import { PROVIDER_KEY } from "../support/app.ts";
import { type DialectName, MODELS, PROVIDERS, ROADS, Scene } from "../support/scene.ts";
import {
  hangUp, hangUpAfterHead, hangUpInChunk, json, nobody, openaiChat, raw, redirect, type Script, sse, startUpstream, text, type Upstream,
} from "../support/upstream.ts"; // biome-ignore format: a list

let scene: Scene;
/** Where redirects point. */
let elsewhere: Upstream;
beforeAll(async () => {
  scene = await Scene.start();
  elsewhere = await startUpstream();
  elsewhere.plan(openaiChat.replies({ text: "from elsewhere" }));
});
afterAll(async () => {
  await scene.stop();
  await elsewhere.stop();
});
beforeEach(() => scene.fresh());

const ok = (provider: DialectName) => PROVIDERS[provider].body({ text: "Hello." });
const okText = (provider: DialectName) => JSON.stringify(ok(provider));
const mediaType = (stream: boolean) => (stream ? "text/event-stream" : "application/json");
const asJson = (body: string) => text(200, body, { contentType: "application/json" });

interface Row {
  name: string;
  script(provider: DialectName, stream: boolean): Script;
  code: ErrorCode;
  /** Whether the provider may charge for it: it got the question, and did not refuse it. */
  owed: boolean;
  only?: "stream" | "unary";
}

const rows: Row[] = [
  { name: "resets the connection", script: () => hangUp("reset"), code: "upstream_cut", owed: true },
  { name: "closes the connection", script: () => hangUp("close"), code: "upstream_cut", owed: true },
  { name: "resets after the head", script: (_, stream) => hangUpAfterHead("reset", mediaType(stream)), code: "upstream_cut", owed: true },
  { name: "closes after the head", script: (_, stream) => hangUpAfterHead("close", mediaType(stream)), code: "upstream_cut", owed: true },
  { name: "resets in the first chunk", script: (_, stream) => hangUpInChunk("reset", mediaType(stream)), code: "upstream_cut", owed: true },
  { name: "closes in the first chunk", script: (_, stream) => hangUpInChunk("close", mediaType(stream)), code: "upstream_cut", owed: true },
  { name: "sends less than its Content-Length", script: (provider) => json(200, ok(provider), { contentLength: 99_999, ends: "close" }), code: "upstream_cut", owed: true },
  { name: "sends more than its Content-Length", script: (provider) => json(200, ok(provider), { contentLength: 10 }), code: "upstream_malformed", owed: true },
  { name: "sends a chunk size that is none", script: () => raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"), code: "upstream_cut", owed: true },
  { name: "speaks another protocol", script: () => raw("SSH-2.0-OpenSSH_9.9 is what listens here\r\n\r\n"), code: "upstream_malformed", owed: true },
  { name: "sends two lengths", script: () => raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), code: "upstream_malformed", owed: true },
  { name: "switches protocols", script: () => raw("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), code: "upstream_malformed", owed: true },
  { name: "answers 204", script: () => raw("HTTP/1.1 204 No Content\r\n\r\n"), code: "upstream_malformed", owed: true },
  { name: "sends a web page", script: () => text(200, "<html>Sign in to the Wi-Fi</html>", { contentType: "text/html" }), code: "upstream_malformed", owed: true },
  { name: "sends text, and calls it text", script: () => text(200, "database: is down"), code: "upstream_malformed", owed: true },
  { name: "sends text, and names no content type", script: () => text(200, "Hello.", { contentType: null }), code: "upstream_malformed", owed: true },
  { name: "sends nothing", script: () => asJson(""), code: "upstream_malformed", owed: true },
  { name: "sends half of its JSON", script: (provider) => asJson(okText(provider).slice(0, 60)), code: "upstream_malformed", owed: true },
  { name: "sends two bodies", script: (provider) => asJson(okText(provider).repeat(2)), code: "upstream_malformed", owed: true },
  ...["null", "[]", '"Hello."', "5", "{}", '{"choices":5,"content":5}', '{"choices":[5],"content":[5]}', '{"choices":null,"content":null}', '{"choices":{},"content":{}}'].map((body): Row => ({
    name: `sends ${body}`, script: () => asJson(body), code: "upstream_malformed", owed: true,
  })),
  { name: "sends gzip that is none", script: () => text(200, "no gzip", { contentType: "application/json", headers: { "content-encoding": "gzip" } }), code: "upstream_cut", owed: true },
  { name: "streams nothing", script: () => sse([]), code: "upstream_cut", owed: true, only: "stream" },
  { name: "streams keep-alives only", script: () => sse([": keep-alive\n\n", ": keep-alive\n\n"]), code: "upstream_cut", owed: true, only: "stream" },
  { name: "streams what is no JSON", script: () => sse([{ data: "{nope" }]), code: "upstream_malformed", owed: true, only: "stream" },
  { name: "streams a list", script: () => sse([{ data: [1, 2] }]), code: "upstream_malformed", owed: true, only: "stream" },
  { name: "streams a web page's lines", script: () => sse(["<html>\n", "<p>sorry\n", "</html>\n\n"]), code: "upstream_cut", owed: true, only: "stream" },
  { name: "answers 999", script: () => raw("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), code: "upstream_error", owed: false },
  ...[301, 302, 303, 307, 308].map((status): Row => ({
    name: `redirects with ${status}`, script: () => redirect(status, `${elsewhere.url}/v1/chat/completions`), code: "upstream_malformed", owed: false,
  })),
  { name: "redirects to itself", script: () => redirect(307, "/v1/chat/completions"), code: "upstream_malformed", owed: false },
  { name: "answers 300 with choices", script: () => json(300, { choices: [] }), code: "upstream_malformed", owed: false },
  { name: "answers 304", script: () => raw("HTTP/1.1 304 Not Modified\r\n\r\n"), code: "upstream_malformed", owed: false },
]; // biome-ignore format: a table

describe.each(ROADS)("$front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const model = MODELS[provider];
  const here = rows.filter(({ only }) => only === undefined || (only === "stream") === stream);

  test.each(here)("a provider that $name", async ({ script, code, owed }) => {
    scene.up.answer(script(provider, stream));
    const { record } = await scene.refused(front, await scene.call(front, { model, stream }), { code, param: null, outcome: "failed", upstream: 1 });
    expect(record!.attempts).toMatchObject([{ provider: provider === "openai" ? "up" : "ant", error: code }]);
    expect([record!.usageSource, record!.inputTokens > 0, record!.costNanoUsd > 0]).toEqual(owed ? ["counted", true, true] : ["none", false, false]);
    expect(elsewhere.requests).toEqual([]);
  });

  const types = [null, "text/plain", "application/octet-stream", "**REDACTED**"];
  test.each(types)("what begins like an answer is one, also if its content type is %p", async (contentType) => {
    scene.up.answer(json(200, ok(provider), { contentType }));
    expect((await scene.served(front, { model, stream })).text).toContain("Hello.");
    scene.up.answer(sse(PROVIDERS[provider].frames({ text: "Hello." }), { contentType }));
    expect((await scene.served(front, { model, stream })).text).toContain("Hello.");
    scene.up.answer(PROVIDERS[provider].stream({ text: "Hello." }));
    const { text: streamed, response } = await scene.served(front, { model, stream });
    expect([streamed.includes("Hello."), response.headers.get("content-type")]).toEqual([true, `${mediaType(stream)}${stream ? "; charset=utf-8" : ""}`]);
    if (!stream) return;
    for (const type of [contentType, "application/json"]) {
      scene.up.answer(sse(PROVIDERS[provider].frames({ text: "Hello." }), { contentType: type, split: "bytes" }));
      expect((await scene.served(front, { model, stream })).text).toContain("Hello.");
    }
  });

  test("nobody listens at the provider's address", async () => {
    const gone = await Scene.start({ upstream: await nobody() });
    const { record } = await gone.refused(front, await gone.call(front, { model, stream }), { code: "upstream_unreachable", param: null, outcome: "failed" });
    expect(record).toMatchObject({ usageSource: "none", costNanoUsd: 0, attempts: [{ status: null, error: "upstream_unreachable" }] });
    await gone.stop();
  });

  test("a provider's name that no address belongs to, and one that may not be called", async () => {
    for (const [baseUrl, allowPrivateNetwork, code] of [["http://provider.invalid/v1", true, "upstream_unreachable"], [`${scene.up.url}/v1`, false, "upstream_blocked"]] as const) {
      const kind = provider === "openai" ? "openai-compatible" : "anthropic";
      const own = await Scene.start({
        providers: [{ name: "own", kind, baseUrl, allowPrivateNetwork }],
        models: [{ name: "m", targets: [{ provider: "own", model: "m", weight: 1 }], fallbacks: [] }],
      });
      const { record } = await own.refused(front, await own.call(front, { model: "m", stream }), { code, param: null, outcome: "failed" });
      expect(record!.costNanoUsd).toBe(0);
      await own.stop();
    }
    expect(scene.up.accepted > 0 && scene.up.requests.length === 0).toBe(true);
  });

  /** Status → what the caller gets, by the table of src/gateway/telling/upstream-error.ts. */
  const statuses: [number, ErrorCode, number][] = [
    [400, "upstream_rejected", 400], [401, "upstream_refused", 401], [402, "upstream_refused", 402], [403, "upstream_refused", 403],
    [404, "upstream_rejected", 404], [407, "upstream_refused", 502], [408, "upstream_rejected", 408], [409, "upstream_rejected", 409],
    [413, "upstream_rejected", 413], [418, "upstream_rejected", 418], [422, "upstream_rejected", 422], [429, "upstream_rate_limited", 429],
    [500, "upstream_error", 502], [502, "upstream_error", 502], [503, "upstream_error", 503], [504, "upstream_error", 504], [529, "upstream_error", 503],
  ]; // biome-ignore format: a table

  test.each(statuses)("a provider's %i is told as %s with %i", async (status, code, told) => {
    scene.up.answer(PROVIDERS[provider].failure(status, { message: "their own words" }));
    const said = await scene.refused(front, await scene.call(front, { model, stream }), { code, status: told, param: null, outcome: "failed", upstream: 1 });
    expect(said.message.endsWith("their own words")).toBe(true);
    expect(said.message === "their own words").toBe(code !== "upstream_refused");
    expect(said.record).toMatchObject({ costNanoUsd: 0, usageSource: "none", attempts: [{ status, error: code }] });
  });

  test.each(statuses)("a provider's %i with no body, a web page, or a megabyte, is still %s", async (status, code, told) => {
    const bodies = [text(status, "", { contentType: null }), text(status, "<html>nginx</html>", { contentType: "text/html" }), text(status, "a".repeat(1_048_576))];
    for (const script of bodies) {
      scene.up.forget();
      scene.up.answer(script);
      const said = await scene.refused(front, await scene.call(front, { model, stream }), { code, status: told, param: null, outcome: "failed", upstream: 1 });
      expect(said.message).not.toContain("nginx");
    }
  });

  test.each([401, 402, 403, 407])("a %i that quotes the key and names the account tells neither", async (status) => {
    const message = `Incorrect API key provided: ${PROVIDER_KEY.slice(0, 8)}*****${PROVIDER_KEY.slice(-4)}, organization org-SECRET99.`;
    scene.up.answer(PROVIDERS[provider].failure(status, { message, type: "org-SECRET99" }, { headers: { "x-organization": "org-SECRET99", "set-cookie": "a=org-SECRET99" } }));
    const said = await scene.refused(front, await scene.call(front, { model, stream }), { code: "upstream_refused", status: status === 407 ? 502 : status, outcome: "failed", upstream: 1 });
    const told = said.message + JSON.stringify(said.record);
    for (const secret of ["org-SECRET99", PROVIDER_KEY.slice(0, 8), `*${PROVIDER_KEY.slice(-4)}`]) expect(told).not.toContain(secret);
  });

  test("a 429 tells what is used up, but not whose", async () => {
    const message = "Rate limit reached for gpt in organization org-aBc123XYZ and project proj_0123456789 on tokens per min: Limit 30000.";
    scene.up.answer(PROVIDERS[provider].failure(429, { message }));
    const said = await scene.refused(front, await scene.call(front, { model, stream }), { code: "upstream_rate_limited", outcome: "failed", upstream: 1 });
    expect(said.message).toBe("Rate limit reached for gpt in organization ***** and project ***** on tokens per min: Limit 30000.");
  });

  test.each([400, 404, 500])("a %i that quotes the whole key is told without it", async (status) => {
    scene.up.answer(PROVIDERS[provider].failure(status, { message: `you sent x-api-key ${PROVIDER_KEY} and ${PROVIDER_KEY}!` }));
    const code = status === 500 ? "upstream_error" : "upstream_rejected";
    const said = await scene.refused(front, await scene.call(front, { model, stream }), { code, status: status === 500 ? 502 : status, outcome: "failed", upstream: 1 });
    expect(said.message).toBe("you sent x-api-key ***** and *****!");
  });

  test.each<[string, Record<string, string>, string | null]>([
    ["seconds", { "retry-after": "17" }, "17"],
    ["milliseconds", { "retry-after-ms": "1500" }, "2"],
    ["nothing", {}, null],
    ["nonsense", { "retry-after": "soon" }, null],
    ["a negative number", { "retry-after": "-5" }, null],
  ])("a 429 that says %s when to come back", async (_, headers, told) => {
    scene.up.answer(PROVIDERS[provider].failure(429, {}, { headers }));
    const response = await scene.call(front, { model, stream });
    await scene.refused(front, response, { code: "upstream_rate_limited", outcome: "failed", upstream: 1 });
    expect(response.headers.get("retry-after")).toBe(told);
  });

  test("nothing of a provider's headers reaches the caller", async () => {
    const headers = { "set-cookie": "session=1", "x-upstream-secret": "1", server: "provider", "openai-organization": "org-1", "x-ratelimit-limit-requests": "7", location: "/", "access-control-allow-origin": "*" };
    for (const script of [PROVIDERS[provider].unary({ text: "a" }, { headers }), PROVIDERS[provider].failure(400, {}, { headers })]) {
      scene.up.answer(script);
      const response = await scene.call(front, { model, stream });
      await response.text();
      for (const name of Object.keys(headers)) expect(response.headers.get(name)).toBeNull();
    }
  });

  test("an error inside a 200 is an error; of a key or an account it tells nothing", async () => {
    scene.up.answer(json(200, PROVIDERS[provider].failureBody({ type: provider === "openai" ? "server_error" : "api_error", message: `it broke at ${PROVIDER_KEY}` })));
    const said = await scene.refused(front, await scene.call(front, { model, stream }), { code: "upstream_error", param: null, outcome: "failed", upstream: 1 });
    expect(said.message).toBe("it broke at *****");
    scene.up.forget();
    scene.up.answer(json(200, PROVIDERS[provider].failureBody({ type: "authentication_error", message: "bad key sk-***" })));
    const refused = await scene.refused(front, await scene.call(front, { model, stream }), { code: "upstream_refused", status: 401, outcome: "failed", upstream: 1 });
    expect(refused.message).toEndWith("bad key *****");
    expect(refused.record).toMatchObject({ inputTokens: 0, outputTokens: 0, costNanoUsd: 0, usageSource: "none" });
  });

  test("compressed answers, which nobody asked for, are read all the same", async () => {
    for (const encoding of ["gzip", "deflate"] as const) {
      const answer = { text: "Hello." };
      scene.up.answer(stream ? PROVIDERS[provider].stream(answer, { encoding }) : PROVIDERS[provider].unary(answer, { encoding }));
      const { response, text: said } = await scene.served(front, { model, stream });
      expect(said).toContain("Hello");
      expect(response.headers.get("content-encoding")).toBeNull();
    }
  });

  if (stream) {
    test("a provider that answers a stream's question with a whole answer is read, and streamed", async () => {
      scene.up.answer(PROVIDERS[provider].unary({ text: "Hello." }));
      const { response, text: said } = await scene.served(front, { model, stream });
      expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      const end = front === "openai" ? "data: [DONE]\n\n" : 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
      expect(said.endsWith(end)).toBe(true);
      expect(said).toMatch(/\n\n: sallyport \{[^\n]*\}\n\n(event: message_(delta|stop)|data: \[DONE\])/);
    });
  }
}); // biome-ignore format: rows

describe.each(ROADS)("what a provider says of a refusal beside its message, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const error = { type: "invalid_request_error", message: "no call", code: "tool_use_failed", failed_generation: `<call of ${PROVIDER_KEY}>` };
  const told = async (status: number) => {
    scene.up.answer(json(status, { type: "error", error }));
    const response = await scene.call(front, { model: MODELS[provider], stream });
    return ((await response.clone().json()) as { error: { failed_generation?: string } }).error.failed_generation;
  };

  test.each([400, 200])("reaches callers of its dialect, without the key, also inside a 200: %d", async (status) => {
    expect(await told(status)).toBe(front === provider ? "<call of *****>" : undefined);
  });

  test("stays here where it is about the account", async () => {
    expect(await told(401)).toBeUndefined();
  });
}); // biome-ignore format: as above

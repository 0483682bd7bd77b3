/**
 * Every recorded call of Responses through the whole gateway: to a caller of the same dialect
 * as it came, however the network cuts it (method C), and the recorded refusals (method G).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type App, post, startApp } from "./support/app.ts";
import { RESPONSES_RELAYED_OTHERWISE } from "./support/fidelity-differences.ts";
import {
  type Exchange,
  framesOf,
  loadDigests,
  recordedExchanges,
  recordingsAreHere,
  requireRecordings,
} from "./support/recordings.ts";
import { type BodyOptions, recorded, type Script, startUpstream, type Upstream } from "./support/upstream.ts";

requireRecordings("fidelity of Responses through the gateway");

const here = describe.skipIf(!recordingsAreHere);
const exchanges = recordedExchanges(["openai.responses"]).filter(({ request, response }) => {
  return (response.text ?? response.json) !== undefined && !request?.url.endsWith("/input_tokens");
});

let up: Upstream;
let app: App;
/** What the provider answers to a request for the model of this name. */
const planned = new Map<string, Script>();
beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => planned.get((request.json() as { model: string }).model)!);
  app = await startApp({
    upstream: up.url,
    providers: [{ name: "oai", kind: "openai", baseUrl: `${up.url}/v1` }],
    models: [{ name: "oai/*", targets: [{ provider: "oai", model: "*", weight: 1 }], fallbacks: [] }],
  });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

let calls = 0;

async function through({ response }: Exchange, options: BodyOptions = {}): Promise<{ status: number; text: string }> {
  const name = `recorded-${++calls}`;
  const stream = response.text !== undefined;
  const { "content-type": _, ...headers } = response.headers ?? {};
  const contentType = stream ? "text/event-stream" : "application/json";
  const framing = stream ? "chunked" : "length";
  planned.set(
    name,
    recorded({ ...response, headers: { ...headers, "content-type": contentType } }, { framing, ...options }),
  );
  const answer = await post(app, { path: "/v1/responses", body: { model: `oai/${name}`, input: "x", stream } });
  const text = await answer.text();
  planned.delete(name);
  return { status: answer.status, text };
}

/** What of an exchange did not reach the caller as it came. */
function changes({ response }: Exchange, { status, text }: { status: number; text: string }): string[] {
  if (status !== 200) return [`status ${status}: ${text.slice(0, 120)}`];
  if (response.text === undefined)
    return Bun.deepEquals(JSON.parse(text), JSON.parse(JSON.stringify(response.json))) ? [] : ["another body"];
  const [was, is] = [framesOf(response.text), framesOf(text.replace(/: sallyport \{.*\}\n\n/, ""))];
  if (Bun.deepEquals(was, is)) return [];
  const at = was.findIndex((frame, index) => !Bun.deepEquals(frame, is[index]));
  return [`${was.length} events, ${is.length} arrived; from ${at} on: ${JSON.stringify(is[at])?.slice(0, 120)}`];
}

here("a recorded answer of Responses", () => {
  const WAYS: [string, (index: number) => BodyOptions][] = [
    ["as it was recorded", () => ({})],
    ["cut at random", (index) => ({ split: index % 5 === 0 ? "bytes" : { seed: index + 1, max: 300 } })],
  ];
  test.each(WAYS)(
    "reaches a caller of the same dialect as it came, %s",
    async (way, options) => {
      const { respDigest } = await loadDigests();
      const answered = exchanges.filter(
        ({ response: { status, text } }) => status === 200 && (way.startsWith("as") || (text?.length ?? 0) < 60_000),
      );
      const wrong: [string, string[]][] = [];
      let [identical, listed] = [0, 0];
      for (const [index, exchange] of answered.entries()) {
        if (!way.startsWith("as") && exchange.response.text === undefined) continue;
        const found = changes(exchange, await through(exchange, options(index)));
        const difference = { exchange, want: respDigest(exchange), found };
        if (found.length === 0) identical++;
        else if (RESPONSES_RELAYED_OTHERWISE.some((row) => row.applies(difference))) listed++;
        else wrong.push([exchange.name, found]);
      }
      console.log(`C responses ← responses, ${way}: ${identical} identical, ${listed} listed, ${wrong.length} wrong`);
      expect(wrong).toEqual([]);
      expect(listed).toBeLessThan(0.02 * answered.length);
    },
    60_000,
  );
});

here("a recorded refusal of Responses", () => {
  test("keeps its status and its words", async () => {
    const refused = exchanges.filter(({ response }) => response.status >= 400);
    expect(refused.length).toBeGreaterThan(10);
    for (const exchange of refused) {
      const { status, json } = exchange.response;
      const got = await through(exchange);
      const said = (json as { error: { message?: string } | string }).error;
      const words = typeof said === "string" ? said : said.message!;
      const { error } = JSON.parse(got.text) as { error: { message: string } };
      // Who quotes our key is not quoted there.
      const quoted = error.message.includes(words) || (status === 401 && error.message.includes("*****"));
      expect([exchange.name, got.status, quoted]).toEqual([exchange.name, status, true]);
    }
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { everyProvider, PROVIDER_NAMES, PROVIDERS, replyInKind } from "../../../test/support/any-provider.ts";
import {
  anthropicMessages,
  json,
  nobody,
  openaiChat,
  startUpstream,
  text,
  type Upstream,
} from "../../../test/support/upstream.ts";
import type { ProviderAccount } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import { Secret } from "../../kernel/secret.ts";
import { ADAPTERS } from "../../providers/adapters.ts";
import { Egress } from "../../upstream/egress.ts";
import { createUpstream } from "../../upstream/send.ts";
import { createTrial, type TrialPorts } from "./trial.ts";

const KEY = "sk-provider-secret-0123456789";
const clock: Clock = { now: () => Date.now(), ticks: () => performance.now() };

let up: Upstream;
beforeAll(async () => {
  up = await startUpstream();
});
beforeEach(() => up.forget());
afterAll(() => up.stop());

function trialOf(over: Partial<TrialPorts> = {}) {
  return createTrial({
    upstream: createUpstream(new Egress(clock), clock),
    openKey: ({ sealedKey }) => (sealedKey === null ? null : new Secret(sealedKey)),
    clock,
    adapter: (kind) => ADAPTERS.find((known) => known.kind === kind),
    ...over,
  });
}

function account(over: Partial<ProviderAccount> = {}): ProviderAccount {
  return {
    name: "up",
    kind: "openai-compatible",
    baseUrl: `${up.url}/v1`,
    options: {},
    sealedKey: KEY,
    allowPrivateNetwork: true,
    prices: [],
    ...over,
  };
}

const NOT_ANSWERED = { answeredAs: null, inputTokens: 0, outputTokens: 0 };

describe("a model that answers", () => {
  const { providers } = everyProvider("");
  for (const [at, name] of PROVIDER_NAMES.entries()) {
    test(`at ${name} is told as such, with what it read and wrote, after one small question`, async () => {
      up.plan((request) => replyInKind(request, { text: "OK", usage: { input: 9, output: 2 } }));
      const { kind, path, model } = PROVIDERS[name];
      const tried = await trialOf()(account({ ...providers[at], kind, baseUrl: up.url + path }), model);
      expect(tried).toMatchObject({
        answeredAs: "conversation",
        code: null,
        message: "",
        inputTokens: 9,
        outputTokens: 2,
      });
      expect(up.requests).toHaveLength(1);
      expect(Buffer.from(up.requests[0]!.body).toString()).toContain("16");
    });
  }

  test("streams although it was not asked to, and is understood", async () => {
    up.answer(openaiChat.stream({ text: "OK", usage: { input: 3, output: 1 } }, { includeUsage: true }));
    expect(await trialOf()(account(), "m")).toMatchObject({ answeredAs: "conversation", inputTokens: 3 });
  });

  test("only embeds, and is asked for that when it has refused the conversation", async () => {
    up.plan((request) =>
      request.path.endsWith("/embeddings")
        ? json(200, {
            object: "list",
            model: "e",
            data: [{ object: "embedding", index: 0, embedding: [0.5] }],
            usage: { prompt_tokens: 1, total_tokens: 1 },
          })
        : json(404, { error: { message: "This is not a chat model", type: "invalid_request_error" } }),
    );
    expect(await trialOf()(account(), "e")).toMatchObject({ answeredAs: "embeddings", code: null, inputTokens: 1 });
  });

  test("is the demo's, of which nobody is asked", async () => {
    const tried = await trialOf()(account({ kind: "demo", baseUrl: null, sealedKey: null }), "demo");
    expect(tried).toMatchObject({ answeredAs: "conversation", code: null });
    expect(up.requests).toEqual([]);
  });
});

describe("a refusal", () => {
  test("of the key is told with the provider's status and words, and never with the key", async () => {
    for (const status of [401, 403]) {
      up.answer(json(status, { error: { message: `Incorrect API key provided: ${KEY}. Look at your account.` } }));
      const tried = await trialOf()(account(), "m");
      expect(tried).toMatchObject({ ...NOT_ANSWERED, code: "upstream_refused", status });
      expect(tried.message).toContain("Look at your account.");
      expect(JSON.stringify(tried)).not.toContain(KEY);
      // Of the same key nobody thinks better for another question.
      expect(up.requests).toHaveLength(1);
      up.forget();
    }
  });

  test("of the model keeps the words for the conversation, not those for the embedding", async () => {
    up.plan(({ path }) => json(404, { error: { message: `no model at ${path}`, code: "model_not_found" } }));
    expect(await trialOf()(account(), "m")).toMatchObject({
      ...NOT_ANSWERED,
      ...{ code: "upstream_rejected", status: 404, message: "no model at /v1/chat/completions" },
    });
  });

  test("within a 200 is one all the same", async () => {
    up.answer(json(200, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }));
    const tried = await trialOf()(account({ kind: "anthropic", baseUrl: up.url }), "claude");
    expect(tried.answeredAs).toBeNull();
    expect(tried.code).not.toBeNull();
  });

  test("for a limit of the account's is told as that", async () => {
    up.answer(anthropicMessages.failure(429, { type: "rate_limit_error", message: "slow down" }));
    const tried = await trialOf()(account({ kind: "anthropic", baseUrl: up.url }), "claude");
    expect(tried).toMatchObject({ ...NOT_ANSWERED, code: "upstream_rate_limited", status: 429, message: "slow down" });
  });
});

describe("what is no answer", () => {
  const rows = [
    {
      what: "a page of a web server",
      script: text(200, "<html>hello</html>", { contentType: "text/html" }),
      code: "upstream_malformed",
    },
    {
      what: "a redirect",
      script: json(302, {}, { headers: { location: "http://example.com/" } }),
      code: "upstream_malformed",
    },
    { what: "JSON of something else", script: json(200, { hello: 1 }), code: "upstream_malformed" },
    { what: "a server that is broken", script: json(500, { error: { message: "boom" } }), code: "upstream_error" },
  ] as const;
  for (const { what, script, code } of rows) {
    test(`${what}: ${code}`, async () => {
      up.answer(script);
      const tried = await trialOf()(account(), "m");
      expect(tried).toMatchObject({ ...NOT_ANSWERED, code });
      expect(tried.message).not.toBe("");
    });
  }

  test("nobody there: upstream_unreachable", async () => {
    const tried = await trialOf()(account({ baseUrl: `${await nobody()}/v1` }), "m");
    expect(tried).toMatchObject({ ...NOT_ANSWERED, code: "upstream_unreachable" });
  });

  test("an address that the account may not call is not called, and the setting is named", async () => {
    const tried = await trialOf()(account({ allowPrivateNetwork: false }), "m");
    expect(tried).toMatchObject({ ...NOT_ANSWERED, code: "upstream_blocked" });
    expect(tried.message).toContain("set allowPrivateNetwork");
    expect(up.accepted === 0 || up.requests.length === 0).toBe(true);
  });

  test("silence: upstream_timeout", async () => {
    const send = () => Promise.reject(new DOMException("The operation timed out.", "TimeoutError"));
    const tried = await trialOf({ upstream: { send } })(account(), "m");
    expect(tried).toMatchObject({ ...NOT_ANSWERED, code: "upstream_timeout" });
    expect(tried.message).toContain("20 seconds");
  });

  test("a key that does not open, and whatever nobody foresaw, is told and not thrown", async () => {
    const openKey = () => {
      throw new GatewayError("internal", "The key cannot be opened.");
    };
    expect(await trialOf({ openKey })(account(), "m")).toMatchObject({ ...NOT_ANSWERED, code: "internal" });
    expect(await trialOf({ adapter: () => undefined })(account(), "m")).toMatchObject({ code: "internal" });
  });
});

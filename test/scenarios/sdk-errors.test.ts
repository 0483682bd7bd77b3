/**
 * Errors as the official clients throw them, on every road: before the first byte with the
 * status and class that a program acts on, after it as an error within the stream, never as an
 * end that looks whole.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type DialectName, ROADS, until } from "../support/scene.ts";
import { clientsOf, MODEL_AT, type Question, type Road, rejection, SdkScene } from "../support/sdk.ts";
import { anthropicMessages, json, openaiChat, type Script, sse } from "../support/upstream.ts";

let scene: SdkScene;
beforeAll(async () => {
  scene = await SdkScene.begin({
    guardrails: [
      { name: "no-falcon", kind: "phrases", phrases: ["project falcon"], action: "deny", direction: "both" },
    ],
  });
});
afterAll(() => scene.stop());
afterEach(() => scene.quiet());

const HELLO: Question = {
  openai: { messages: [{ role: "user", content: "Say hello." }] },
  anthropic: { max_tokens: 100, messages: [{ role: "user", content: "Say hello." }] },
};

/** An answer whose status is an error, as the provider of a dialect writes it. */
function refusal(provider: DialectName, status: number, headers: Record<string, string> = {}): Script {
  const message = `${provider} says no ${status}`;
  if (provider === "anthropic")
    return anthropicMessages.failure(status, { type: ANTHROPIC_TYPES[status] ?? "api_error", message }, { headers });
  return openaiChat.failure(status, { type: "some_error", message, param: "messages" }, { headers });
}

const ANTHROPIC_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

interface Row {
  said: number;
  heard: number;
  /** The class that both clients have for it. */
  thrown:
    | "BadRequestError"
    | "NotFoundError"
    | "RateLimitError"
    | "UnprocessableEntityError"
    | "AuthenticationError"
    | "PermissionDeniedError"
    | "InternalServerError"
    | "APIError";
  /** Our code, which a client of OpenAI's reads. */
  code: string;
  /** What a client of Anthropic's reads. */
  type: string;
}

// biome-ignore format: a table
const ROWS: Row[] = [
  { said: 400, heard: 400, thrown: "BadRequestError", code: "upstream_rejected", type: "invalid_request_error" },
  { said: 404, heard: 404, thrown: "NotFoundError", code: "upstream_rejected", type: "not_found_error" },
  { said: 413, heard: 413, thrown: "APIError", code: "upstream_rejected", type: "request_too_large" },
  { said: 422, heard: 422, thrown: "UnprocessableEntityError", code: "upstream_rejected", type: "invalid_request_error" },
  { said: 429, heard: 429, thrown: "RateLimitError", code: "upstream_rate_limited", type: "rate_limit_error" },
  // Our account at the provider, told as such: its code sets it apart from a caller's own bad key.
  { said: 401, heard: 401, thrown: "AuthenticationError", code: "upstream_refused", type: "authentication_error" },
  { said: 402, heard: 402, thrown: "APIError", code: "upstream_refused", type: "billing_error" },
  { said: 403, heard: 403, thrown: "PermissionDeniedError", code: "upstream_refused", type: "permission_error" },
  { said: 500, heard: 502, thrown: "InternalServerError", code: "upstream_error", type: "api_error" },
  { said: 503, heard: 503, thrown: "InternalServerError", code: "upstream_error", type: "overloaded_error" },
  { said: 529, heard: 503, thrown: "InternalServerError", code: "upstream_error", type: "overloaded_error" },
];

describe.each(ROADS)("before the first byte: $front's client, $provider's provider, stream: $stream", (road) => {
  const { front, provider } = road;
  const classes = front === "openai" ? OpenAI : Anthropic;

  test.each(ROWS)("a provider's $said is $heard, thrown as $thrown", async (row) => {
    scene.up.answer(refusal(provider, row.said, row.said === 429 ? { "retry-after": "7" } : {}));
    scene.forget();
    const thrown = (await rejection(scene.hear(road, HELLO))) as InstanceType<typeof OpenAI.APIError>;
    expect(thrown).toBeInstanceOf(classes[row.thrown]);
    expect(thrown.status).toBe(row.heard as never);
    const said = `${provider} says no ${row.said}`;
    expect(thrown.message).toContain(said);
    if (front === "openai") {
      expect(thrown.code).toBe(row.code);
      expect(thrown.requestID).toBe((await scene.record()).requestId);
    } else {
      const failed = thrown as unknown as InstanceType<typeof Anthropic.APIError>;
      expect(failed.type as string).toBe(row.type);
      expect(failed.requestID).toBe((await scene.record()).requestId);
    }
    expect(thrown.headers!.get("retry-after")).toBe(row.said === 429 ? "7" : null);
  });

  test("a provider's own code for what is wrong with the request is what programs act on", async () => {
    const message = "This model's maximum context length is 8192 tokens.";
    const code = "context_length_exceeded";
    scene.up.answer(
      provider === "openai"
        ? openaiChat.failure(400, { type: "invalid_request_error", message, code, param: "messages" })
        : json(400, {
            type: "error",
            error: { type: "invalid_request_error", message, details: { error_code: code } },
          }),
    );
    const thrown = await rejection(scene.hear(road, HELLO));
    expect(thrown).toBeInstanceOf(classes.BadRequestError);
    expect(thrown).toMatchObject(front === "openai" ? { code } : { errorCode: code });
    expect(String(thrown)).toContain(message);
  });

  test("a connection that breaks is a failure of the server's, with a status", async () => {
    scene.up.answer([{ do: "reset" }]);
    const thrown = await rejection(scene.hear(road, HELLO));
    expect(thrown).toBeInstanceOf(classes.InternalServerError);
    expect(thrown).toMatchObject({ status: 502 });
  });

  test("an error in a stream that says nothing else is an answer of its own", async () => {
    if (!road.stream) return;
    scene.up.answer(
      provider === "openai"
        ? sse(openaiChat.failureFrames({ message: "Model overloaded.", type: "overloaded_error" }))
        : sse([
            anthropicMessages.frames({})[0]!,
            anthropicMessages.failureFrame({ type: "overloaded_error", message: "Model overloaded." }),
          ]),
    );
    const thrown = await rejection(scene.hear(road, HELLO));
    expect(thrown).toBeInstanceOf(classes.InternalServerError);
    expect(thrown).toMatchObject({ status: 503 });
    expect(String(thrown)).toContain("Model overloaded.");
  });

  test("a guardrail's refusal is 422, for a prompt and for an answer", async () => {
    scene.says({ text: ["All about Pro", "ject Fal", "con."] });
    const answer = await rejection(scene.hear(road, HELLO));
    scene.says({ text: "Hello." });
    const prompt = await rejection(
      scene.hear(road, {
        openai: { messages: [{ role: "user", content: "Tell of Project Falcon." }] },
        anthropic: { max_tokens: 9, messages: [{ role: "user", content: "Tell of Project Falcon." }] },
      }),
    );
    expect(scene.up.requests).toEqual([]);
    for (const thrown of [answer, prompt]) {
      expect(thrown).toBeInstanceOf(classes.UnprocessableEntityError);
      expect(String(thrown)).toContain("no-falcon");
      expect(String(thrown)).not.toContain("Fal");
    }
  });
});

/**
 * Some text, and once `read` has settled what breaks the stream: an error that comes in one
 * read with the first text is an answer of its own, and a broken connection would overtake it.
 */
function broken(provider: DialectName, how: "error" | "close" | "reset" | "garbage", read?: Promise<void>): Script {
  const answer = { text: ["One ", "two ", "three."] };
  const frames =
    provider === "openai" ? openaiChat.frames(answer).slice(0, 3) : anthropicMessages.frames(answer).slice(0, 5);
  const shown: Script = [...sse(frames).slice(0, -1), { do: "until", open: read ?? Promise.resolve() }];
  if (how === "close" || how === "reset") return [...shown, { do: how }];
  if (how === "garbage") return [...shown, ...sse(["data: {not json\n\n"]).slice(1)];
  const message = "Model fell over.";
  const failure =
    provider === "openai"
      ? openaiChat.failureFrames({ message, type: "server_error" })
      : [anthropicMessages.failureFrame({ message, type: "overloaded_error" }), anthropicMessages.frames({}).at(-1)!];
  return [...shown, ...sse(failure).slice(1)];
}

const STREAMS = ROADS.filter(({ stream }) => stream);

/** What a client read of a stream before it threw, and what it threw. */
async function readUntilItBreaks(
  { front, provider }: Road,
  onText: () => void = () => {},
): Promise<{ text: string; thrown: unknown }> {
  let text = "";
  const add = (more: string) => {
    text += more;
    if (text === "One two ") onText();
  };
  const model = MODEL_AT[provider];
  const thrown = await rejection(
    (async () => {
      if (front === "openai") {
        const stream = await scene.clients.openai.chat.completions.create({ ...HELLO.openai, model, stream: true });
        for await (const chunk of stream) add(chunk.choices[0]?.delta.content ?? "");
      } else {
        const stream = await scene.clients.anthropic.messages.create({ ...HELLO.anthropic, model, stream: true });
        for await (const event of stream) {
          if (event.type === "content_block_delta" && event.delta.type === "text_delta") add(event.delta.text);
        }
      }
    })(),
  );
  return { text, thrown };
}

describe("after the first byte", () => {
  // A guard that may deny reads the whole answer before it lets any of it go.
  let plain: SdkScene;
  let guarded: SdkScene;
  beforeAll(async () => {
    plain = await SdkScene.begin();
    [guarded, scene] = [scene, plain];
  });
  afterAll(async () => {
    scene = guarded;
    await plain.stop();
  });

  test.each(STREAMS)("an error of $provider's is thrown to a client of $front with what it says", async (road) => {
    scene.forget();
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.answer(broken(road.provider, "error", promise));
    const { text, thrown } = await readUntilItBreaks(road, resolve);
    expect(text).toBe("One two ");
    const classes = road.front === "openai" ? OpenAI : Anthropic;
    expect(thrown).toBeInstanceOf(classes.APIError);
    expect(String(thrown)).toContain("Model fell over.");
    if (road.front === "anthropic") {
      expect(thrown).toMatchObject({ type: road.provider === "anthropic" ? "overloaded_error" : "api_error" });
    } else expect(thrown).toMatchObject({ code: road.provider === "openai" ? null : "upstream_error" });
    expect(await scene.record()).toMatchObject({ outcome: "cut", usageSource: "counted" });
  });

  test.each(STREAMS.flatMap((road) => (["close", "reset", "garbage"] as const).map((how) => ({ ...road, how }))))(
    "a $how of $provider's is thrown to a client of $front, and is no end",
    async ({ how, ...road }) => {
      scene.forget();
      const { promise, resolve } = Promise.withResolvers<void>();
      scene.up.answer(broken(road.provider, how, promise));
      const { text, thrown } = await readUntilItBreaks(road, resolve);
      expect(text).toBe("One two ");
      expect(thrown).toBeInstanceOf((road.front === "openai" ? OpenAI : Anthropic).APIError);
      const record = await scene.record();
      expect(record.outcome).toBe("cut");
      expect(record.outputTokens).toBeGreaterThan(0);
    },
  );

  test.each(STREAMS)("nothing follows an error of $provider's in a stream to $front", async ({ front, provider }) => {
    scene.forget();
    const { promise, resolve } = Promise.withResolvers<void>();
    scene.up.answer(broken(provider, "error", promise));
    const response = await scene.call(front, { model: MODEL_AT[provider], stream: true });
    // Its head is there, so the first text is.
    resolve();
    const text = await response.text();
    const last = text.trimEnd().split("\n\n").at(-1)!;
    expect(last).toContain("Model fell over.");
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain("message_stop");
    await scene.record();
  });

  test.each(STREAMS)(
    "a client of $front that aborts lets the connection to $provider go",
    async ({ front, provider }) => {
      scene.forget();
      const model = MODEL_AT[provider];
      const start =
        provider === "openai" ? openaiChat.frames({ text: ["One "] }) : anthropicMessages.frames({ text: ["One "] });
      scene.up.answer([...sse(start.slice(0, 4)).slice(0, -1), { do: "silence" }]);
      const { openai, anthropic } = scene.clients;
      const stream =
        front === "openai"
          ? await openai.chat.completions.create({ ...HELLO.openai, model, stream: true })
          : await anthropic.messages.create({ ...HELLO.anthropic, model, stream: true });
      for await (const _ of stream) stream.controller.abort();
      const [request] = scene.up.requests;
      expect(await request!.closed).toMatchObject({ by: "peer", beforeEnd: true });
      expect(await scene.record()).toMatchObject({ outcome: "cancelled", errorCode: "client_closed" });
      expect(await until(() => scene.app.meter.openHolds === 0)).toBe(true);
    },
  );
});

describe.each(["openai", "anthropic"] as const)("the gateway's own refusals, to a client of %s", (front) => {
  const classes = front === "openai" ? OpenAI : Anthropic;
  const call = (clients: SdkScene["clients"], model: string, stream = false) =>
    front === "openai"
      ? clients.openai.chat.completions.create({ ...HELLO.openai, model, stream })
      : clients.anthropic.messages.create({ ...HELLO.anthropic, model, stream });

  test("a bad key is an AuthenticationError", async () => {
    for (const key of ["sk-not-ours", scene.app.key.replace(/.$/, (last) => (last === "A" ? "B" : "A"))]) {
      const thrown = await rejection(call(clientsOf({ url: scene.app.url, key }), "gpt"));
      expect(thrown).toBeInstanceOf(classes.AuthenticationError);
      expect(thrown).toMatchObject({
        status: 401,
        ...(front === "openai" ? { code: "invalid_api_key" } : { type: "authentication_error" }),
      });
    }
  });

  test("an unknown model is a NotFoundError", async () => {
    const thrown = await rejection(call(scene.clients, "gpt-99"));
    expect(thrown).toBeInstanceOf(classes.NotFoundError);
    expect(thrown).toMatchObject(
      front === "openai" ? { code: "model_not_found", param: "model" } : { type: "not_found_error" },
    );
  });

  test("a value out of bounds is a BadRequestError that names the field", async () => {
    const { openai, anthropic } = scene.clients;
    const thrown = await rejection(
      front === "openai"
        ? openai.chat.completions.create({ ...HELLO.openai, model: "gpt", temperature: -1 })
        : anthropic.messages.create({ ...HELLO.anthropic, model: "gpt", max_tokens: -1 }),
    );
    expect(thrown).toBeInstanceOf(classes.BadRequestError);
    expect(String(thrown)).toContain(front === "openai" ? "temperature" : "max_tokens");
  });

  test("a rate limit is a RateLimitError, with the wait and the limits in its headers", async () => {
    const limited = await SdkScene.begin({ limits: [{ dimension: "requests", window: "minute", amount: 1 }] });
    limited.says({ text: "Hello." });
    await call(limited.clients, "gpt");
    const thrown = (await rejection(call(limited.clients, "gpt", true))) as { status: number; headers: Headers };
    expect(thrown).toBeInstanceOf(classes.RateLimitError);
    expect(thrown).toMatchObject(front === "openai" ? { code: "rate_limit_exceeded" } : { type: "rate_limit_error" });
    expect(Number(thrown.headers.get("retry-after"))).toBeWithin(1, 62);
    expect(thrown.headers.get("x-ratelimit-limit-requests")).toBe("1");
    expect(thrown.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(limited.up.requests).toHaveLength(1);
    await limited.stop();
  });

  test("what no second try can mend is not tried again, and what it may mend is", async () => {
    const patient = clientsOf(scene.app, 1);
    const rows: [status: number, tries: number][] = [
      [400, 1],
      // Our account's trouble, told as 502, which clients try again unless they are told not to.
      [401, 1],
      [500, 2],
    ];
    for (const [status, tries] of rows) {
      scene.forget();
      scene.up.answer(refusal("openai", status));
      await rejection(call(patient, "gpt"));
      expect([status, scene.up.requests.length]).toEqual([status, tries]);
    }
  });
});

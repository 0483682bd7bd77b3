/**
 * Bad input, sixth part: two public collections of hard text. JSON that is none, and strings
 * that have broken software before, as prompts, answers, names and headers.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { present } from "../support/parts.ts";
import { requestText, sendRaw } from "../support/raw-http.ts";
import { ASKED, DIALECTS, type DialectName, FRONTS, MODELS, ROADS, Scene } from "../support/scene.ts";
import { anthropicMessages, openaiChat, type ReceivedRequest } from "../support/upstream.ts";
import { jsonFiles, naughtyStrings, VECTORS } from "../support/vectors.ts";

let scene: Scene;
beforeAll(async () => {
  const row = (name: string, provider: string) => ({
    name,
    targets: [{ provider, model: "*", weight: 1 }],
    fallbacks: [],
  });
  const models = (["openai", "anthropic"] as const).map((provider) => ({
    name: MODELS[provider],
    targets: [{ provider: provider === "openai" ? "up" : "ant", model: "m", weight: 1 }],
    fallbacks: [],
  }));
  scene = await Scene.start({ models: [...models, row("any/*", "up")], settings: { badCredentialsPerMinute: 1e9 } });
  scene.up.plan(echo);
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

/** Answers with the last message's text, a few characters at a time. */
function echo(request: ReceivedRequest) {
  const text = lastText(request).match(/.{1,9}/gsu) ?? [];
  const dialect = request.path.endsWith("/messages") ? anthropicMessages : openaiChat;
  return dialect.replies({ text })(request);
}

function lastText(request: ReceivedRequest): string {
  const { content } = request.json().messages.at(-1);
  return typeof content === "string" ? content : content.map((part: { text?: string }) => part.text ?? "").join("");
}

/** What an answer says, in either dialect, streamed or not. */
function said(front: DialectName, stream: boolean, body: string): string {
  if (!stream) {
    const whole = JSON.parse(body);
    return front === "openai" ? whole.choices[0].message.content : whole.content.map((block: { text: string }) => block.text).join("");
  }
  const data = body.split("\n").filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)));
  return data.map((event) => (front === "openai" ? event.choices?.[0]?.delta?.content : event.delta?.text) ?? "").join("");
} // biome-ignore format: rows

async function each<T>(items: readonly T[], visit: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await visit(item);
  }));
} // biome-ignore format: rows

describe.skipIf(!present(VECTORS.json))("the JSONTestSuite", () => {
  describe.each(ASKED)("to $front, stream: $stream", ({ front, stream }) => {
    test("what is no JSON is refused: every n_ file, as the body", async () => {
      const files = jsonFiles("n");
      expect(files.length).toBeGreaterThan(180);
      for (const { name, bytes } of files) {
        const response = await scene.call(front, {}, { body: bytes });
        await scene.refused(front, response, { code: "invalid_json", param: null }).catch((failure: unknown) => {
          throw new Error(name, { cause: failure });
        });
        await scene.fresh();
      }
    });

    test("what is JSON and no request is refused: every y_ and i_ file, as the body", async () => {
      for (const { name, bytes } of [...jsonFiles("y"), ...jsonFiles("i")]) {
        const response = await scene.call(front, {}, { body: bytes });
        expect([name, response.status]).toEqual([name, 400]);
        const code = FRONTS[front].envelope(await response.json()).code ?? "";
        expect(["", "invalid_request", "invalid_json"]).toContain(code);
        if (front === "openai" && name.startsWith("y_")) expect([name, code]).toEqual([name, "invalid_request"]);
      }
      expect(scene.up.requests).toEqual([]);
      await scene.fresh();
    });

    test("every y_ file as the value of an unknown field reaches a provider of that dialect as what it means", async () => {
      const open = JSON.stringify(FRONTS[front].body({ model: MODELS[front], stream })).slice(0, -1);
      for (const { bytes } of jsonFiles("y")) {
        const value = new TextDecoder().decode(bytes);
        await scene.served(front, {}, { body: `${open},"x_unknown":${value}}` });
        expect(JSON.stringify(scene.up.requests.at(-1)!.json().x_unknown)).toBe(JSON.stringify(JSON.parse(value)));
      }
      await scene.fresh();
    });
  });
});

/** In the path of a provider's address these steps would name another thing than a model. */
const leadsElsewhere = (name: string) => name === "." || name === "..";

describe.skipIf(!present(VECTORS.strings))("naughty strings", () => {
  const strings = naughtyStrings();

  test("there are some", () => {
    expect(strings.length).toBeGreaterThan(500);
  });

  test.each(ROADS)("are intact as prompts and as answers ($front to $provider, stream: $stream)", async ({ front, provider, stream }) => {
    // Anthropic takes no text that is blank, so such a prompt is refused before it gets there.
    const blank = front === "openai" && provider === "anthropic";
    const asked = strings.filter((text) => text !== "" && !(blank && text.trim() === ""));
    let right = 0;
    await each(asked, async (text) => {
      const messages = [{ role: "user", content: text }];
      const response = await scene.call(front, { model: MODELS[provider], stream, messages });
      expect([text, response.status]).toEqual([text, 200]);
      expect(said(front, stream, await response.text())).toBe(text);
      right++;
    });
    expect(right).toBe(asked.length);
    expect(scene.up.requests.map(lastText).sort()).toEqual([...asked].sort());
    expect(scene.app.logs).toEqual([]);
    await scene.fresh();
  });

  test.each(DIALECTS)("are no names of models here (%s)", async (front) => {
    for (const model of strings) {
      const response = await scene.call(front, { model });
      const isNone = model === "" || model.length > 256 || leadsElsewhere(model);
      const code = isNone ? "invalid_request" : "model_not_found";
      await scene.refused(front, response, { code, param: "model" }).catch((failure: unknown) => {
        throw new Error(JSON.stringify(model), { cause: failure });
      });
      await scene.fresh();
    }
  });

  test.each(DIALECTS)("pass as names of models where a pattern grants any (%s)", async (front) => {
    for (const name of strings.filter((text) => text !== "" && text.length < 250 && !leadsElsewhere(text))) {
      const { response, record } = await scene.served(front, { model: `any/${name}` });
      expect(scene.up.requests.at(-1)!.json().model).toBe(name);
      expect(record.model).toBe(`any/${name}`);
      expect(response.headers.get("x-sallyport-model")).toMatch(/^up\/[\x20-\x7e]*$/);
    }
    await scene.fresh();
  });

  test.each(DIALECTS)("in headers they break nothing, and go nowhere (%s)", async (front) => {
    const body = JSON.stringify(FRONTS[front].body({ model: MODELS[front] }));
    const names = ["x-request-id", "user-agent", "x-custom", "cookie", "accept", "accept-language", "origin", "referer", "openai-organization", "idempotency-key"];
    for (const text of strings) {
      const value = Buffer.from(text).toString("latin1");
      const head = ["Host: gateway", `x-api-key: ${scene.app.key}`, "Content-Type: application/json", ...names.map((name) => `${name}: ${value}`)];
      const answer = await sendRaw(scene.app.url, [requestText(`POST ${FRONTS[front].path} HTTP/1.1`, head, body)]);
      // A control character in a header is no HTTP (RFC 9110 section 5.5); a line break would be a header of its own.
      const allowed = !/[\x00-\x08\x0a-\x1f\x7f]/.test(value);
      expect([text, answer.status]).toEqual([text, allowed ? 200 : 400]);
      expect(answer.header("x-request-id") ?? "call_none").toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
    }
    for (const request of scene.up.requests) for (const name of names) expect(request.headerValues(name)).toEqual(expect.not.arrayContaining(strings.filter((text) => text.length > 3)));
    await scene.fresh();
  });

  test.each(DIALECTS)("in the dialect's own headers they break nothing (%s)", async (front) => {
    const body = JSON.stringify(FRONTS[front].body({ model: MODELS[front] }));
    for (const text of strings.filter((each) => !/[\x00-\x08\x0a-\x1f\x7f]/.test(each))) {
      const value = Buffer.from(text).toString("latin1");
      const own = ["anthropic-version", "anthropic-beta"].map((name) => `${name}: ${value}`);
      const head = ["Host: gateway", `x-api-key: ${scene.app.key}`, "Content-Type: application/json", ...own];
      const answer = await sendRaw(scene.app.url, [requestText(`POST ${FRONTS[front].path} HTTP/1.1`, head, body)]);
      expect([text, answer.status < 500]).toEqual([text, true]);
    }
    expect(scene.app.logs).toEqual([]);
    await scene.fresh();
  });

  test.each(DIALECTS)("are no credentials (%s)", async (front) => {
    const body = JSON.stringify(FRONTS[front].body());
    for (const text of strings) {
      const value = Buffer.from(text).toString("latin1");
      for (const header of [`x-api-key: ${value}`, `Authorization: Bearer ${value}`]) {
        const head = ["Host: gateway", header, "Content-Type: application/json"];
        const { status } = await sendRaw(scene.app.url, [requestText(`POST ${FRONTS[front].path} HTTP/1.1`, head, body)]);
        expect([text, [400, 401].includes(status)]).toEqual([text, true]);
      }
    }
    expect(scene.up.requests).toEqual([]);
    expect(scene.app.logs).toEqual([]);
    await scene.fresh();
  });

  test("as the name in /v1/models/{name} they find nothing", async () => {
    for (const text of strings.filter((each) => each.isWellFormed())) {
      const path = `/v1/models/${encodeURIComponent(text)}`;
      const response = await fetch(scene.app.url + path, { headers: { "x-api-key": scene.app.key } });
      expect([text, [404, 200].includes(response.status)]).toEqual([text, true]);
      await response.text();
    }
    expect(scene.up.requests).toEqual([]);
    await scene.fresh();
  });
}); // biome-ignore format: rows

/**
 * Bad input, sixth part: bounds of an answer and numbers of answers that cannot be, at every door that takes
 * them. The answer is a 400 that names the field, nobody upstream is asked, and nothing is held or charged.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type App, post, startApp } from "../support/app.ts";
import { json, startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let app: App;
beforeAll(async () => {
  up = await startUpstream();
  app = await startApp({ upstream: up.url, limits: [{ dimension: "usd", window: "total", amount: 1e9 }] });
});
afterAll(async () => {
  await app?.stop();
  await up?.stop();
});

/** Values as JSON text: 1e999 and 2^53+1 have no other way in. */
const COUNTS = ["-1", "0", "9007199254740993", "1e308", "1e999", '"10"', "1.5", "true", "[]", "10000001"];
const ANSWERS = ["-5", "0", "1000000", "129", "1e308", '"2"', "1.5", "{}"];

interface Door {
  path: string;
  /** A body but for one field, whose place is marked `#`. */
  body: string;
  fields: Record<string, string[]>;
  /** How the field is called in the answer, where it lies deeper. */
  within?: string;
}

const MESSAGES = '"messages":[{"role":"user","content":"x"}]';
const DOORS: Record<string, Door> = {
  chat: {
    path: "/v1/chat/completions",
    body: `{"model":"small",${MESSAGES},#}`,
    fields: { max_tokens: COUNTS, max_completion_tokens: COUNTS, n: ANSWERS },
  },
  "an Azure deployment": {
    path: "/openai/deployments/small/chat/completions",
    body: `{${MESSAGES},#}`,
    fields: { max_tokens: COUNTS, n: ANSWERS },
  },
  responses: {
    path: "/v1/responses",
    body: '{"model":"small","input":"x",#}',
    fields: { max_output_tokens: COUNTS },
  },
  messages: {
    path: "/v1/messages",
    body: `{"model":"small",${MESSAGES},#}`,
    fields: { max_tokens: [...COUNTS, "null"] },
  },
  generateContent: {
    path: "/v1beta/models/small:generateContent",
    body: '{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{#}}',
    fields: { maxOutputTokens: COUNTS, candidateCount: ANSWERS },
    within: "generationConfig",
  },
  "Ollama's chat": {
    path: "/api/chat",
    body: `{"model":"small",${MESSAGES},"options":{#}}`,
    // Below 0 means without a bound there, down to -2.
    fields: { num_predict: COUNTS.filter((value) => value !== "-1" && value !== "0").concat("-3") },
    within: "options",
  },
  completions: {
    path: "/v1/completions",
    body: '{"model":"small","prompt":"x",#}',
    // OpenAI takes 0 there: a prompt is only judged.
    fields: { max_tokens: COUNTS.filter((value) => value !== "0"), n: ANSWERS, best_of: ANSWERS },
  },
  images: {
    path: "/v1/images/generations",
    body: '{"model":"small","prompt":"x",#}',
    fields: { n: ANSWERS },
  },
};

describe.each(Object.entries(DOORS))("at the door of %s", (_, { path, body, fields, within }) => {
  const rows = Object.entries(fields).flatMap(([field, values]) => values.map((value) => ({ field, value })));
  test.each(rows)("$field: $value is refused by name", async ({ field, value }) => {
    up.forget();
    const response = await post(app, { path, body: body.replace("#", `"${field}":${value}`) });
    const said = await response.text();
    expect({ status: response.status, said }).toMatchObject({ status: 400 });
    expect(said).toContain(within === undefined ? field : `${within}.${field}`);
    expect(up.requests).toHaveLength(0);
    expect(app.meter.openHolds).toBe(0);
    expect((await app.records()).at(-1)).toMatchObject({ outcome: "refused", costNanoUsd: 0, inputTokens: 0 });
  });
});

test("what OpenAI calls null is what was not sent, and is held as such", async () => {
  up.answer(json(200, { id: "c", object: "chat.completion", created: 1, model: "m", choices: [{ index: 0, message: { role: "assistant", content: "x" }, finish_reason: "stop" }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })); // biome-ignore format: one answer
  const response = await post(app, { body: `{"model":"small",${MESSAGES},"max_tokens":null,"n":null}` });
  expect(response.status).toBe(200);
});

/** What the process tells of its calls: JSON lines with the fields that are allowed and no others, and metrics that add up. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { LogFields } from "../../src/ports/log.ts";
import { chat, messages, PROVIDER_KEY, post } from "../support/app.ts";
import { ADMIN_TOKEN, configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { json, openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

// Processes take their time on a machine that is busy with others.
setDefaultTimeout(60_000);

/** The type LogFields, to be looked at: one that is missing here does not compile. */
const ALLOWED: Record<keyof LogFields, true> = {
  call: true, request: true, code: true, status: true, outcome: true, endpoint: true, method: true, address: true,
  tenant: true, application: true, key: true, api: true, model: true, provider: true, upstreamStatus: true, attempts: true,
  inputTokens: true, outputTokens: true, costUsd: true, queueMs: true, firstByteMs: true, totalMs: true,
  count: true, detail: true, file: true, listen: true, version: true, signal: true, actor: true, action: true,
  scope: true, limit: true, threshold: true,
}; // biome-ignore format: a table

const PROMPT = "the prompt of 7391 words";
const ANSWER = "the answer of 2846 words";
const STRANGE = "strange-value-";

let up: Upstream;
let installation: Installation;
let gateway: GatewayProcess;
beforeAll(async () => {
  up = await startUpstream();
  up.plan(openaiChat.replies({ text: ANSWER, usage: { input: 10, output: 20 } }));
  installation = new Installation(
    configuration({
      upstream: up.url,
      guardrails: [{ name: "no-falcon", kind: "phrases", phrases: ["falcon"], action: "deny", direction: "input" }],
      api: { guardrails: ["no-falcon"] },
    }),
  );
  gateway = await installation.start();
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

const say = (content: string, over: JsonObject = {}) => chat({ messages: [{ role: "user", content }], ...over });

test("metrics count each call once under its endpoint, outcome, status and code, and what it used", async () => {
  const before = await gateway.metrics();
  const asked = [
    { body: say(PROMPT) },
    { body: say(PROMPT, { stream: true }) },
    { path: "/v1/messages", body: messages({ model: "small" }) },
    { body: say("falcon") },
    { body: say(PROMPT), key: "sp_live_nobody" },
    { body: say(PROMPT, { model: "none" }) },
  ];
  const statuses: number[] = [];
  for (const options of asked) {
    const response = await post(gateway, options);
    await response.text();
    statuses.push(response.status);
  }
  expect(statuses).toEqual([200, 200, 200, 422, 401, 404]);
  const after = await gateway.metrics();
  const grown = (name: string) => Math.round(((after.get(name) ?? 0) - (before.get(name) ?? 0)) * 1e9) / 1e9;
  const calls = (endpoint: string, outcome: string, status: number, code: string) =>
    grown(`sallyport_calls_total{endpoint="${endpoint}",outcome="${outcome}",status="${status}",code="${code}"}`);
  expect(calls("chat.completions", "finished", 200, "none")).toBe(2);
  expect(calls("messages", "finished", 200, "none")).toBe(1);
  expect(calls("chat.completions", "refused", 422, "guardrail_blocked")).toBe(1);
  expect(calls("chat.completions", "refused", 401, "invalid_credential")).toBe(1);
  expect(calls("chat.completions", "refused", 404, "model_not_found")).toBe(1);
  expect(grown('sallyport_tokens_total{provider="up",direction="input"}')).toBe(30);
  expect(grown('sallyport_tokens_total{provider="up",direction="output"}')).toBe(60);
  // 1 and 2 dollars for a million.
  expect(grown('sallyport_cost_usd_total{provider="up"}')).toBe(0.00015);
  expect(grown('sallyport_upstream_attempts_total{provider="up",error="none"}')).toBe(3);
  expect(grown('sallyport_guardrail_verdicts_total{guardrail="no-falcon",direction="input",action="deny"}')).toBe(1);
  expect(grown('sallyport_call_seconds_count{endpoint="chat.completions"}')).toBe(5);
  for (const gauge of ["sallyport_open_calls", "sallyport_open_holds", "sallyport_body_bytes"])
    expect(after.get(gauge)).toBe(0);
  expect(after.get("sallyport_ready")).toBe(1);
  expect(after.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
});

test("nothing that a caller chooses becomes a label", async () => {
  // The series of these shapes are there once each has been seen.
  const shapes = (i: number) => [
    post(gateway, { body: say("x", { model: `${STRANGE}${i}` }) }),
    post(gateway, { body: say("x"), key: `${STRANGE}${i}` }),
    post(gateway, { body: say("x"), headers: { "x-request-id": `${STRANGE}${i}`, "user-agent": `${STRANGE}${i}` } }),
    post(gateway, { path: `/${STRANGE}${i}`, body: say("x") }),
    post(gateway, { path: `/apis/${STRANGE}${i}/v1/v1/chat/completions`, body: say("x") }),
    fetch(`${gateway.url}/v1/models/${STRANGE}${i}`, { headers: { authorization: `Bearer ${gateway.key}` } }),
    post(gateway, { body: { [`${STRANGE}${i}`]: 1 } }),
    fetch(`${gateway.url}/v1/chat/completions`, { method: "PUT" }),
  ];
  await Promise.all(shapes(0));
  const before = await gateway.metrics();
  for (let i = 1; i <= 25; i++) await Promise.all(shapes(i));
  const after = await gateway.metrics();
  expect([...after.keys()].filter((name) => !before.has(name))).toEqual([]);
  expect([...after.keys()].join("\n")).not.toContain(STRANGE);
});

test("the line of a call that failed says where, with which status and why, and quotes nobody", async () => {
  const error = { message: ANSWER, type: "server_error", code: "broken" };
  const rows = [
    [json(500, { error }), { code: "upstream_error", upstreamStatus: 500, detail: "the provider answered 500 server_error" }],
    [json(400, { error }), { code: "upstream_rejected", upstreamStatus: 400, detail: "the provider answered 400 server_error" }],
    [json(200, ANSWER), { code: "upstream_malformed", upstreamStatus: 200, detail: "not a JSON object" }],
  ] as const; // biome-ignore format: one row a line
  for (const [answer, wanted] of rows) {
    up.answer(answer);
    const id = `failed-${wanted.upstreamStatus}`;
    const response = await post(gateway, { body: say(PROMPT), headers: { "x-request-id": id } });
    await response.text();
    const line = await gateway.said(({ message, request }) => message === "call" && request === id);
    expect(line).toMatchObject({ ...wanted, outcome: "failed", provider: "up/small-2026" });
  }
});

test("every line is a JSON object with a time, a level, a message and allowed fields; no prompt, answer or secret is in it", async () => {
  await post(gateway, { body: { messages: PROMPT, model: "small" } });
  await post(gateway, { body: `{"model":"small","messages":[{"role":"user","content":"${PROMPT}` });
  await fetch(`${gateway.url}/v1/chat/completions?key=${gateway.key}`, { method: "POST", body: "{}" });
  await post(gateway, { body: say(PROMPT, { max_tokens: -1 }) });
  await gateway.admin("/api/v1/keys");
  await fetch(`${gateway.adminUrl}/api/v1/keys`, { headers: { authorization: "Bearer spa_a_guess_at_the_token" } });
  expect(await gateway.stop()).toBe(0);
  expect(gateway.plain).toEqual([]);
  expect(gateway.stderr).toBe("");
  expect(gateway.lines.length).toBeGreaterThan(200);
  for (const line of gateway.lines) {
    const { time, level, message, ...fields } = line;
    expect(new Date(time).toISOString()).toBe(time);
    expect(["debug", "info", "warn", "error"]).toContain(level);
    expect(message.length).toBeGreaterThan(0);
    expect(Object.keys(fields).filter((name) => !Object.hasOwn(ALLOWED, name))).toEqual([]);
  }
  for (const never of ["7391", "2846", gateway.key, ADMIN_TOKEN, PROVIDER_KEY, "spa_a_guess", "sp_live_"]) {
    expect(gateway.stdout, never).not.toContain(never);
  }
  // One line a call, and the line has what an operator asks for.
  const call = gateway.lines.find(
    ({ message, status, endpoint }) => message === "call" && status === 200 && endpoint === "messages",
  );
  expect(call).toMatchObject({
    outcome: "finished",
    provider: "up/small-2026",
    api: "chat/v1",
    inputTokens: 10,
    outputTokens: 20,
  });
  expect(call!.key).toBe(gateway.key.split("_")[2]!);
});

test("on a terminal a line is for people, unless JSON is asked for", async () => {
  for (const [log, json] of [
    [undefined, false],
    ["json", true],
  ] as const) {
    const place = new Installation(configuration({ upstream: up.url }));
    let shown = "";
    const env = { ...place.env, ...(log === undefined ? {} : { SALLYPORT_LOG: log }) };
    if (log === undefined) delete (env as Record<string, string>).SALLYPORT_LOG;
    const child = Bun.spawn(["sh", `${import.meta.dir}/../../bin/sallyport`, "serve"], {
      env,
      terminal: {
        data: (_, bytes) => {
          shown += new TextDecoder().decode(bytes);
          if (shown.includes("ready") && !child.killed) child.kill("SIGTERM");
        },
      },
    });
    expect(await child.exited).toBe(0);
    const lines = shown.trimEnd().split(/\r?\n/);
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line).toMatch(json ? /^\{"time":/ : /^\d\d:\d\d:\d\d\.\d{3} (info|warn) /);
    await place.remove();
  }
}, 60_000);

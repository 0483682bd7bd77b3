/**
 * Guards on what goes in and on what comes out: one road for whole answers and streams, for
 * texts, tool calls and what nobody has a name for. Proves gateway/guard-input.ts,
 * gateway/guard-output.ts, gateway/guarding/hold-masked.ts and gateway/guarding/guards.ts.
 */
import { afterEach, describe, expect, test } from "bun:test";
import type { Guardrail } from "../../src/domain/catalog/catalog.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Limit } from "../../src/kernel/limit.ts";
import { type DialectName, MODELS, PROVIDERS, ROADS, Scene } from "../support/scene.ts";
import { json, openaiChat, type Script, sse } from "../support/upstream.ts";

const PHRASE = "project falcon";
const guard = (action: "mask" | "deny", direction: Guardrail["direction"], over: Partial<Guardrail> = {}): Guardrail => ({
  name: "secrecy", kind: "phrases", phrases: [PHRASE, "Zürich vault"], action, direction, ...over,
}); // biome-ignore format: a row

const open: Scene[] = [];
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.stop();
});
async function guarded(...guardrails: Guardrail[]): Promise<Scene> {
  const scene = await Scene.start({ guardrails });
  open.push(scene);
  return scene;
}

/** Everything that a caller's program would find in an answer: parsed, so that no escape hides anything. */
function leavesOf(body: string): string {
  const texts: string[] = [];
  const walk = (value: Json): void => {
    if (typeof value === "string") texts.push(value);
    else if (typeof value === "object" && value !== null)
      for (const [name, inner] of Object.entries(value)) [name, inner].forEach(walk);
  };
  const whole = body.startsWith("{") ? [body] : [...body.matchAll(/^data: (\{.*\})$/gm)].map((match) => match[1]!);
  for (const text of whole) walk(JSON.parse(text));
  return `${texts.join("\n")}\n${texts.join("")}`.toLowerCase();
}

/** What the answer says, pieces put together. */
function said(front: DialectName, body: string): { text: string; args: string } {
  if (body.startsWith("{")) {
    const whole = JSON.parse(body);
    if (front === "openai") {
      const { content, tool_calls } = whole.choices[0].message;
      return { text: content ?? "", args: tool_calls?.[0].function.arguments ?? "" };
    }
    const block = (type: string) => whole.content.find((each: JsonObject) => each.type === type);
    return { text: block("text")?.text ?? "", args: block("tool_use") === undefined ? "" : JSON.stringify(block("tool_use").input) };
  }
  const events = [...body.matchAll(/^data: (\{.*\})$/gm)].map((match) => JSON.parse(match[1]!));
  const deltas = events.map((event) => (front === "openai" ? event.choices?.[0]?.delta : event.delta) ?? {});
  const join = (read: (delta: JsonObject) => unknown) => deltas.map((delta) => read(delta) ?? "").join("");
  return {
    text: join((delta) => (front === "openai" ? delta.content : delta.text)),
    args: join((delta) => (front === "openai" ? (delta as { tool_calls?: { function: JsonObject }[] }).tool_calls?.[0]?.function.arguments : delta.partial_json)),
  };
} // biome-ignore format: rows

/** Where the phrase may be cut by the provider's stream. */
const cuts: [string, string[]][] = [
  ["whole", ["All about Project Falcon today."]],
  ["in two", ["All about Project Fal", "con today."]],
  ["at its blank", ["All about Project", " ", "Falcon today."]],
  ["letter by letter", [..."All about Project Falcon today."]],
  ["as the last thing said", ["All about Project Fal", "con"]],
  ["as the first thing said", ["P", "roject Falcon today."]],
  ["twice in a row", ["project falconPROJECT", " FALCON"]],
];

describe.each(ROADS)("answers, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const model = MODELS[provider];
  const ask = { model, stream };

  test.each(cuts)("a phrase that comes %s is masked, and the rest is as it was", async (_, pieces) => {
    const scene = await guarded(guard("mask", "output"));
    scene.up.plan(PROVIDERS[provider].replies({ text: pieces, usage: { input: 50, output: 30 } }));
    const { text, record } = await scene.served(front, ask);
    const whole = pieces.join("");
    expect(said(front, text).text).toBe(whole.replace(/project falcon/gi, "[secrecy]"));
    expect(leavesOf(text)).not.toContain(PHRASE);
    expect(leavesOf(text)).not.toContain("falcon");
    expect(record.verdicts).toEqual([{ guardrail: "secrecy", direction: "output", action: "mask", count: whole.match(/project falcon/gi)!.length }]);
    expect(record).toMatchObject({ inputTokens: 50, outputTokens: 30, usageSource: "reported" });
  });

  test.each(cuts)("a phrase that comes %s is denied: 422, none of it told, all of it charged", async (_, pieces) => {
    const scene = await guarded(guard("deny", "output"));
    scene.up.plan(PROVIDERS[provider].replies({ text: pieces, usage: { input: 50, output: 30 } }));
    const { message, record } = await scene.refused(front, await scene.call(front, ask), { code: "guardrail_blocked", param: null, upstream: 1 });
    expect(message).toContain("secrecy");
    expect(message.toLowerCase()).not.toContain("falcon");
    expect(record).toMatchObject({ outcome: "refused", inputTokens: 50, outputTokens: 30, costNanoUsd: 110_000, verdicts: [{ action: "deny" }] });
  });

  test("in a tool's arguments, cut anywhere, it is masked and they stay JSON", async () => {
    const scene = await guarded(guard("mask", "output"));
    const whole = '{"q":"about project falcon","n":[1,"Project Falcon"]}';
    for (const pieces of [[whole], [...whole], [whole.slice(0, 19), whole.slice(19)]]) {
      scene.up.plan(PROVIDERS[provider].replies({ toolCalls: [{ id: "toolu_1", name: "look", arguments: pieces }] }));
      const { text } = await scene.served(front, ask);
      expect(JSON.parse(said(front, text).args)).toEqual({ q: "about [secrecy]", n: [1, "[secrecy]"] });
      expect(leavesOf(text)).not.toContain(PHRASE);
    }
  });

  test("in a tool's arguments, with letters written as escapes, it is found all the same", async () => {
    const whole = '{"q":"a \\u0070roject\\u0020falcon","r":"pr\\u006Fject falco\\u006e!","s":"Z\\u00fcrich vault"}';
    for (const pieces of [[whole], [...whole], whole.match(/.{1,5}/g)!]) {
      const masking = await guarded(guard("mask", "output"));
      masking.up.plan(PROVIDERS[provider].replies({ toolCalls: [{ id: "toolu_1", name: "look", arguments: pieces }] }));
      const { text } = await masking.served(front, ask);
      expect(JSON.parse(said(front, text).args)).toEqual({ q: "a [secrecy]", r: "[secrecy]!", s: "[secrecy]" });
      const denying = await guarded(guard("deny", "output"));
      denying.up.plan(PROVIDERS[provider].replies({ toolCalls: [{ id: "toolu_1", name: "look", arguments: pieces }] }));
      expect((await denying.call(front, ask)).status).toBe(422);
    }
  });

  test("in a tool's arguments, or its name, it is denied", async () => {
    const scene = await guarded(guard("deny", "output", { phrases: [PHRASE, "falcon_tool"] }));
    for (const call of [{ id: "toolu_1", name: "look", arguments: [..."{\"q\":\"project falcon\"}"] }, { id: "toolu_1", name: "falcon_tool", arguments: "{}" }]) {
      scene.up.plan(PROVIDERS[provider].replies({ toolCalls: [call] }));
      expect((await scene.call(front, ask)).status).toBe(422);
      expect((await scene.record()).errorCode).toBe("guardrail_blocked");
    }
  });

  test("in a thought it is masked like a text", async () => {
    const scene = await guarded(guard("mask", "output"));
    scene.up.plan(PROVIDERS[provider].replies({ reasoning: ["Let me think of Proj", "ect Falcon first."], text: "Done." }));
    const { text } = await scene.served(front, ask);
    expect(leavesOf(text)).not.toContain("falcon");
    expect(said(front, text).text).toBe("Done.");
  });

  test("two guards: each masks what is its own, and a mask is no phrase of the other", async () => {
    const scene = await guarded(guard("mask", "output"), guard("mask", "output", { name: "names", phrases: ["Ada", "[secrecy]"] }));
    scene.up.plan(PROVIDERS[provider].replies({ text: ["A", "da runs proj", "ect falcon"] }));
    const { text, record } = await scene.served(front, ask);
    expect(said(front, text).text).toMatch(/^\[names\] runs (\[secrecy\]|\[names\])$/);
    expect(record.verdicts.map(({ guardrail, action }) => [guardrail, action])).toContainEqual(["names", "mask"]);
  });

  test("a mask and a denial together: the denial wins, whatever their order", async () => {
    for (const rules of [[guard("mask", "output"), guard("deny", "output", { name: "no", phrases: ["Ada"] })], [guard("deny", "output", { name: "no", phrases: ["Ada"] }), guard("mask", "output")]]) {
      const scene = await guarded(...rules);
      scene.up.plan(PROVIDERS[provider].replies({ text: "Ada runs project falcon" }));
      const response = await scene.call(front, ask);
      expect([response.status, (await response.text()).includes("Ada")]).toEqual([422, false]);
    }
  });

  test("an answer without a match is whole, and on record as looked at", async () => {
    for (const action of ["mask", "deny"] as const) {
      const scene = await guarded(guard(action, "output"));
      const text = "Projects, falcons, project  falcon, projectfalcon, Zurich.";
      scene.up.plan(PROVIDERS[provider].replies({ text: [text.slice(0, 12), text.slice(12)] }));
      const { text: body, record } = await scene.served(front, ask);
      expect(said(front, body).text).toBe(text);
      expect(record.verdicts).toEqual([{ guardrail: "secrecy", direction: "output", action: "allow", count: 0 }]);
    }
  });

  test.each(["mask", "deny"] as const)("in a field that nobody knows, whole or cut, it does not pass either: %s", async (action) => {
    const scene = await guarded(guard(action, "output"));
    const frames = PROVIDERS[provider].frames({ text: ["one ", "two ", "three "] });
    const with_ = (i: number, extra: JsonObject) => frames.map((frame, at) => (at === i ? frame.replace(/\}\n\n$/, `,${JSON.stringify(extra).slice(1)}\n\n`) : frame));
    const cut = frames.map((frame, at) => frame.replace(/\}\n\n$/, at === 2 ? ',"x_note":"project fal"}\n\n' : at === 3 ? ',"x_note":"con"}\n\n' : "}\n\n"));
    const scripts: Script[] = stream
      ? [sse(with_(2, { x_note: "Project Falcon" })), sse(with_(1, { x: { deep: ["\u0050roject falcon"] } })), sse(with_(2, { [PHRASE]: 1 })), sse(cut)]
      : [PROVIDERS[provider].unary({ text: "one", extra: { x_note: "Project Falcon" } }), PROVIDERS[provider].unary({ text: "one", extra: { x: { deep: [{ [PHRASE]: 1 }] } } })];
    for (const script of scripts) {
      scene.up.answer(script);
      const response = await scene.call(front, ask);
      const body = await response.text();
      if (response.status === 200) {
        expect(leavesOf(body)).not.toContain("falcon");
        expect(leavesOf(body)).not.toContain("project fal");
        expect(said(front, body).text).toContain("one");
      } else expect(response.status).toBe(422);
      await scene.fresh();
    }
  });

  if (stream) {
    test("what a mask holds back is less than its longest phrase: the rest is there at once", async () => {
      const scene = await guarded(guard("mask", "output"));
      const { promise, resolve } = Promise.withResolvers<void>();
      const frames = PROVIDERS[provider].frames({ text: ["0123456789abcdefghij", " and the rest"] });
      const at = frames.findIndex((frame) => frame.includes("abcdefghij"));
      scene.up.answer([...sse(frames.slice(0, at + 1), { ends: "silence" }).slice(0, -1), { do: "until", open: promise }, ...sse(frames.slice(at + 1)).slice(1)]);
      const response = await scene.call(front, ask);
      let text = "";
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        // "project falcon" has 14 letters, so 13 of the 20 may be held, and seven must be there.
        if (text.includes("0123456")) resolve();
      }
      expect(said(front, text).text).toBe("0123456789abcdefghij and the rest");
    });

    test("an answer that breaks off tells what was held back, if it may be told", async () => {
      const scene = await guarded(guard("mask", "output"));
      const { promise, resolve } = Promise.withResolvers<void>();
      const frames = PROVIDERS[provider].frames({ text: ["0123456789abcdefghij", "never"] });
      const at = frames.findIndex((frame) => frame.includes("abcdefghij"));
      scene.up.answer([...sse(frames.slice(0, at + 1), { ends: "silence" }).slice(0, -1), { do: "until", open: promise }, ...sse([PROVIDERS[provider] === openaiChat ? openaiChat.failureFrames({ message: "it broke" })[0]! : PROVIDERS.anthropic.failureFrame({ message: "it broke" })]).slice(1)]);
      const response = await scene.call(front, ask);
      let text = "";
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (text.includes("0123456")) resolve();
      }
      expect(said(front, text).text).toBe("0123456789abcdefghij");
      expect(text).toContain("it broke");
      expect(text).not.toMatch(/\[DONE\]|message_stop/);
    });
  }
}); // biome-ignore format: rows

/** Places in a request where a phrase may stand, in each dialect. */
const places: Record<DialectName, Record<string, JsonObject>> = {
  openai: {
    "the system prompt": { messages: [{ role: "system", content: "On Project Falcon." }, { role: "user", content: "Hi" }] },
    "the developer prompt": { messages: [{ role: "developer", content: "On Project Falcon." }, { role: "user", content: "Hi" }] },
    "an earlier turn": { messages: [{ role: "user", content: "a" }, { role: "assistant", content: "On Project Falcon." }, { role: "user", content: "Hi" }] },
    "a content part": { messages: [{ role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "On Project Falcon." }] }] },
    "a tool's result": { messages: [{ role: "user", content: "a" }, { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] }, { role: "tool", tool_call_id: "c", content: "On Project Falcon." }] },
    "a tool call's arguments": { messages: [{ role: "user", content: "a" }, { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"q":"On Project Falcon."}' } }] }, { role: "tool", tool_call_id: "c", content: "b" }] },
    "a tool call's arguments, in escapes": { messages: [{ role: "user", content: "a" }, { role: "assistant", tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"q":"On \\u0050roject\\u0020Falcon."}' } }] }, { role: "tool", tool_call_id: "c", content: "b" }] },
    "a tool's description": { tools: [{ type: "function", function: { name: "f", description: "On Project Falcon.", parameters: { type: "object" } } }] },
  },
  anthropic: {
    "the system prompt": { system: "On Project Falcon." },
    "a system block": { system: [{ type: "text", text: "On Project Falcon." }] },
    "an earlier turn": { messages: [{ role: "user", content: "a" }, { role: "assistant", content: "On Project Falcon." }, { role: "user", content: "Hi" }] },
    "a content block": { messages: [{ role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "On Project Falcon." }] }] },
    "a tool's result": { messages: [{ role: "user", content: "a" }, { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "f", input: {} }] }, { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "On Project Falcon." }] }] },
    "a tool call's input": { messages: [{ role: "user", content: "a" }, { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "f", input: { q: "On Project Falcon." } }] }, { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "b" }] }] },
    "a tool's description": { tools: [{ name: "f", description: "On Project Falcon.", input_schema: { type: "object" } }] },
  },
}; // biome-ignore format: rows

/** Places that a mask cannot change without knowing what they mean: there the prompt is denied. */
const elsewhere: Record<DialectName, Record<string, JsonObject>> = {
  openai: {
    "an unknown field": { x_note: "On Project Falcon." },
    "an unknown key": { x: { "project falcon": 1 } },
    "a message's unknown field": { messages: [{ role: "user", content: "a", x_note: "Project Falcon" }] },
    "a tool's schema": { tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties: { a: { description: "Project Falcon" } } } } }] },
    "a stop word": { stop: ["project falcon"] },
    "the end user's name": { user: "project falcon" },
    "a schema of the answer": { response_format: { type: "json_schema", json_schema: { name: "a", schema: { description: "project falcon" } } } },
  },
  anthropic: {
    "an unknown field": { x_note: "On Project Falcon." },
    "an unknown key": { x: { "project falcon": 1 } },
    "a message's unknown field": { messages: [{ role: "user", content: "a", x_note: "Project Falcon" }] },
    "a tool's schema": { tools: [{ name: "f", input_schema: { type: "object", properties: { a: { description: "Project Falcon" } } } }] },
    "a stop word": { stop_sequences: ["project falcon"] },
    "the end user's name": { metadata: { user_id: "project falcon" } },
    "an unknown block": { messages: [{ role: "user", content: [{ type: "from_the_future", words: "project falcon" }] }] },
  },
}; // biome-ignore format: rows

describe.each(ROADS)("refusals, $front from $provider, stream: $stream", ({ front, provider, stream }) => {
  test.each(["mask", "deny"] as const)("say nothing beside their message, where the model may have written it and no guard reads it: %s", async (action) => {
    const scene = await guarded(guard(action, "output"));
    const error = { type: "invalid_request_error", message: "no call", code: "tool_use_failed", failed_generation: `<${PHRASE}>` };
    scene.up.answer(json(400, { type: "error", error }));
    const response = await scene.call(front, { model: MODELS[provider], stream });
    expect([response.status, leavesOf(await response.text())]).toEqual([400, expect.not.stringContaining(PHRASE)]);
  });
}); // biome-ignore format: rows

describe.each(ROADS)("prompts, $front to $provider, stream: $stream", ({ front, provider, stream }) => {
  const ask = { model: MODELS[provider], stream };

  test.each(Object.entries(places[front]))("a phrase in %s is masked before it leaves", async (_, over) => {
    const scene = await guarded(guard("mask", "input"));
    const { record } = await scene.served(front, { ...ask, ...over });
    const sent = scene.up.everything();
    expect(sent.toLowerCase()).not.toContain("falcon");
    expect(sent).toContain("On [secrecy].");
    expect(record.verdicts).toEqual([{ guardrail: "secrecy", direction: "input", action: "mask", count: 1 }]);
  });

  test.each([...Object.entries(places[front]), ...Object.entries(elsewhere[front])])("a phrase in %s is denied: 422, nothing leaves", async (_, over) => {
    const scene = await guarded(guard("deny", "input"));
    const { record, message } = await scene.refused(front, await scene.call(front, { ...ask, ...over }), { code: "guardrail_blocked", param: null });
    expect(record!.verdicts).toMatchObject([{ guardrail: "secrecy", direction: "input", action: "deny" }]);
    expect((message + JSON.stringify(record)).toLowerCase()).not.toContain("falcon");
  });

  test.each(Object.entries(elsewhere[front]))("a phrase in %s, which cannot be masked, is denied though the rule says mask", async (_, over) => {
    const scene = await guarded(guard("mask", "input"));
    await scene.refused(front, await scene.call(front, { ...ask, ...over }), { code: "guardrail_blocked", param: null });
  });

  test("a guard on answers leaves prompts alone, one on both does not", async () => {
    const content = "All about project falcon.";
    const only = await guarded(guard("deny", "output"));
    await only.served(front, { ...ask, messages: [{ role: "user", content }] });
    expect(only.up.everything()).toContain(PHRASE);
    const both = await guarded(guard("deny", "both"));
    await both.refused(front, await both.call(front, { ...ask, messages: [{ role: "user", content }] }), { code: "guardrail_blocked" });
  });

  test("a guard that the API names and nobody has ends the call: it fails closed", async () => {
    const scene = await Scene.start({ api: { guardrails: ["gone"] } });
    const response = await scene.call(front, ask);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("gone");
    expect(scene.up.requests).toEqual([]);
    expect((await scene.record()).errorCode).toBe("internal");
    await scene.stop();
  });
}); // biome-ignore format: rows

describe("a prompt that is longer for its masks", () => {
  const long = guard("mask", "input", { name: "a-name-that-is-far-longer-than-any-phrase-of-it", phrases: ["ab"] });
  const content = "ab ".repeat(100);
  const within = async (amount: number, guardrails: Guardrail[]): Promise<Scene> => {
    const limits: Limit[] = [{ dimension: "tokens", window: "day", amount }];
    const scene = await Scene.start({ guardrails, limits });
    open.push(scene);
    return scene;
  };
  const ask = { max_tokens: 50, messages: [{ role: "user", content }] };

  test("is refused where its limits allow only what came, and nothing stays held", async () => {
    const plain = await within(1_000, []);
    await plain.served("openai", ask);
    const scene = await within(1_000, [long]);
    await scene.refused("openai", await scene.call("openai", ask), { code: "rate_limit_exceeded", outcome: "failed" });
    await scene.served("openai", { ...ask, messages: [{ role: "user", content: "cd ".repeat(100) }] });
  });

  test("is held as it is sent where they allow that, and charged what was used", async () => {
    const used = async (scene: Scene) => (await scene.app.meter.usage("provider:up", "UTC")).periods.total;
    const held: ReturnType<typeof used>[] = [];
    for (const guardrails of [[], [long]]) {
      const scene = await within(100_000, guardrails);
      scene.up.plan((request) => {
        held.push(used(scene));
        return openaiChat.replies({ text: "Hi.", usage: { input: 20, output: 5 } })(request);
      });
      await scene.served("openai", ask);
      expect(await used(scene)).toMatchObject({ spent: { requests: 1, input: 20, output: 5 }, reserved: { input: 0 } });
    }
    const [plain, masked] = await Promise.all(held);
    // A hundred masks of 49 characters for as many phrases of two.
    expect(masked!.reserved.input - plain!.reserved.input).toBeGreaterThan(1_000);
    expect(masked!.reserved).toMatchObject({ requests: 1, output: plain!.reserved.output });
  });
});

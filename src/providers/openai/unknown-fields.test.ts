import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { Losses } from "../losses.ts";
import { OPENAI_QUIRKS, type Quirks } from "./quirks.ts";
import { encodeRequest } from "./request.ts";
import { leaveOut } from "./unknown-fields.ts";

const HI = { role: "user", content: "hi" };
/** As OpenAI's client hands an answer back. */
const ANSWER = { role: "assistant", content: "so", refusal: null, annotations: [], audio: null };
const CLOSED: Partial<Quirks> = {
  refusals: "text",
  unknownFields: { body: ["user"], messages: ["annotations", "audio", "extra_content", "name"] },
};

const asked = (fields: JsonObject, quirks: Partial<Quirks> = CLOSED) =>
  encodeRequest(openaiChat.decode({ model: "m", messages: [HI], ...fields }), "m", { ...OPENAI_QUIRKS, ...quirks });
const fieldsOf = ({ warnings }: ReturnType<typeof encodeRequest>) => warnings.map(({ field }) => field);

describe("a field that the server refuses as unknown", () => {
  test("is left out of the body and of messages, with a warning if it said something", () => {
    const citation = { type: "url_citation", url_citation: { url: "https://a.test" } };
    const written = asked({ user: "u", messages: [HI, ANSWER, { ...ANSWER, annotations: [citation] }, HI] });
    const said = { role: "assistant", content: "so" };
    expect(written.body).toEqual({ model: "m", messages: [HI, said, said, HI] });
    expect(fieldsOf(written)).toEqual(["annotations", "user"]);
  });

  test("is left out of calls; the result of a tool keeps its name, a speaker does not", () => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
    const signed = { ...call, extra_content: { google: { thought_signature: "s" } } };
    const result = { role: "tool", tool_call_id: "c", content: "4", name: "f" };
    const calling = { role: "assistant", content: null };
    const written = asked({ messages: [{ ...HI, name: "ada" }, { ...calling, tool_calls: [signed] }, result] });
    expect(written.body.messages).toEqual([HI, { ...calling, tool_calls: [call] }, result]);
    expect(fieldsOf(written)).toEqual(["name", "extra_content"]);
  });

  test("goes to servers that pass over it, in the caller's own words", () => {
    const { refusal: _, ...answer } = ANSWER;
    const written = asked({ user: "u", messages: [HI, ANSWER] }, {});
    expect(written.body).toMatchObject({ user: "u", messages: [HI, answer] });
    expect(written.warnings).toEqual([]);
  });

  test("is told of once, and not where it says nothing", () => {
    const losses = new Losses(true);
    const written: JsonObject = { a: null, b: [], c: false, d: 1 };
    leaveOut(["a", "b", "c", "e"], written, losses);
    expect(written).toEqual({ d: 1 });
    expect(losses.warnings.map(({ field }) => field)).toEqual(["c"]);
    leaveOut(undefined, written, losses);
    expect(written).toEqual({ d: 1 });
  });
});

describe("what an earlier answer refused", () => {
  const refused = { role: "assistant", content: null, refusal: "no" };
  const asText = { role: "assistant", content: "no" };
  const inResponses = openaiResponses.decode({
    model: "m",
    input: [HI, { type: "message", role: "assistant", content: [{ type: "refusal", refusal: "no" }] }, HI],
  });

  test.each<[Quirks["refusals"], JsonObject, JsonObject]>([
    ["field", refused, { role: "assistant", refusal: "no" }],
    ["as-written", refused, asText],
    ["text", asText, asText],
  ])("of a server that takes it as %s, is not lost to it", (refusals, own, foreign) => {
    expect(asked({ messages: [HI, refused] }, { refusals }).body.messages).toEqual([HI, own]);
    const quirks = { ...OPENAI_QUIRKS, refusals };
    expect(encodeRequest(inResponses, "m", quirks).body.messages).toMatchObject([HI, foreign, HI]);
  });
});

test("a function that takes nothing says so where that is demanded", () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const parameters = { type: "object", properties: {} };
  expect(asked({ tools }, { parametersDemanded: true }).body.tools).toMatchObject([{ function: { parameters } }]);
  expect(asked({ tools }).body.tools).toEqual(tools);
});

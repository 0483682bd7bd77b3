/**
 * Bad input, fourth part: fields whose value no dialect allows, and models that are not the
 * caller's. The answer names the field.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ASKED, DIALECTS, type DialectName, FRONTS, Scene } from "../support/scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.start();
});
afterAll(() => scene.stop());
beforeEach(() => scene.fresh());

/** A body with one more field, whose value is JSON text: 1e999 and 2^53+1 have no other way in. */
function bodyWith(front: DialectName, stream: boolean, field: string, value: string): string {
  const { [field]: _, ...rest } = FRONTS[front].body({ stream });
  return JSON.stringify(rest).replace(/\}$/, `,${JSON.stringify(field)}:${value}}`);
}

/** Field, values that are refused, and the path that the answer names where it is not the field itself. */
type Row = [field: string, values: string[], param?: string];

const COUNT = [
  "-1",
  "0",
  "1.5",
  "1e308",
  "-1e308",
  "1e999",
  "9007199254740993",
  "10000001",
  '"10"',
  "true",
  "[]",
  "{}",
];
const MANY = `[${Array.from({ length: 1_025 }, () => '{"type":"function","name":"f","function":{"name":"f"},"input_schema":{}}').join()}]`;

const common: Row[] = [
  ["model", ["5", "true", "[]", "{}", '""', `"${"m".repeat(257)}"`, "null"]],
  ["messages", ["null", "5", '"hello"', "{}", "[]"]],
  ["messages", ["[5]", "[null]", '["hello"]', "[[]]"], "messages[0]"],
  [
    "messages",
    [
      "[{}]",
      '[{"content":"a"}]',
      '[{"role":"alien","content":"a"}]',
      '[{"role":5,"content":"a"}]',
      '[{"role":"__proto__","content":"a"}]',
    ],
    "messages[0].role",
  ],
  [
    "messages",
    ['[{"role":"user","content":5}]', '[{"role":"user","content":true}]', '[{"role":"user","content":{}}]'],
    "messages[0].content",
  ],
  [
    "messages",
    [
      '[{"role":"user","content":"a"},{"role":"user","content":[5]}]',
      '[{"role":"user","content":"a"},{"role":"user","content":[null]}]',
    ],
    "messages[1].content[0]",
  ],
  ["stream", ['"true"', "1", "0", "[]", "{}"]],
  ["temperature", ["-0.1", "-1", "101", "1e308", "1e999", "-1e999", '"hot"', "true", "[]"]],
  ["top_p", ["-0.1", "1.01", "1e999", '"1"', "{}"]],
  ["tools", ["5", '"a"', "{}", MANY]],
  ["tools", ["[5]", "[null]", '["f"]'], "tools[0]"],
  ["tool_choice", ["5", "true", "[]"]],
  ["tool_choice", ["{}"], "tool_choice.type"],
];

const rows: Record<DialectName, Row[]> = {
  openai: [
    ...common,
    ["max_tokens", COUNT],
    ["max_completion_tokens", COUNT],
    ["n", ["-5", "0", "129", "1.5", "1e308", "9007199254740993", '"2"', "true"]],
    ["presence_penalty", ["-101", "101", "1e308", '"1"']],
    ["frequency_penalty", ["-101", "101", "1e308", "{}"]],
    ["seed", ["1.5", "9007199254740992", "1e308", '"1"']],
    ["logprobs", ['"yes"', "-1", "1.5", "[]", "{}"]],
    ["top_logprobs", ["-1", "1001", "1.5", "true"]],
    ["logit_bias", ["5", "[]", '"a"']],
    ["logit_bias", ['{"7":"a"}', '{"7":1001}', '{"7":1e999}', '{"7":null}', '{"7":[]}'], "logit_bias.7"],
    ["stop", ["5", "true", "{}", JSON.stringify(Array(257).fill("a"))]],
    ["stop", ["[5]", "[null]"], "stop[0]"],
    ["stream_options", ["5", '"a"', "[]"]],
    ["stream_options", ['{"include_usage":"yes"}'], "stream_options.include_usage"],
    ["user", ["5", "{}"]],
    ["service_tier", ["5", "[]"]],
    ["parallel_tool_calls", ['"yes"', "1"]],
    ["reasoning_effort", ["5", "{}"]],
    ["response_format", ["5", '"json"', "[]"]],
    ["response_format", ["{}", '{"type":5}'], "response_format.type"],
    ["response_format", ['{"type":"json_schema"}'], "response_format.json_schema"],
    ["response_format", ['{"type":"json_schema","json_schema":{"name":"a","schema":[]}}'], "response_format.json_schema.schema"],
    ["tools", ['[{"type":"function"}]'], "tools[0].function"],
    ["tools", ['[{"type":"function","function":{}}]', '[{"type":"function","function":{"name":5}}]', '[{"type":"function","function":{"name":""}}]'], "tools[0].function.name"],
    ["tools", ['[{"type":"function","function":{"name":"f","parameters":[]}}]'], "tools[0].function.parameters"],
    ["messages", ['[{"role":"tool","content":"a"}]', '[{"role":"tool","tool_call_id":5,"content":"a"}]'], "messages[0].tool_call_id"],
    ["messages", ['[{"role":"assistant","tool_calls":{}}]'], "messages[0].tool_calls"],
    ["messages", ['[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":5}}]}]'], "messages[0].tool_calls[0].function.arguments"],
  ],
  anthropic: [
    ...common,
    ["max_tokens", ["null", ...COUNT]],
    ["temperature", ["1.01", "2"]],
    ["top_k", ["-1", "1.5", "2147483648", "1e308", '"5"']],
    ["stop_sequences", ["5", '"a"', "{}"]],
    ["stop_sequences", ["[5]", "[null]"], "stop_sequences[0]"],
    ["system", ["5", "{}", "true"]],
    ["system", ["[5]", '["a"]'], "system[0]"],
    ["messages", ['[{"role":"user","content":[{}]}]'], "messages[0].content[0].type"],
    ["messages", ['[{"role":"user","content":[{"type":"text"}]}]', '[{"role":"user","content":[{"type":"text","text":5}]}]'], "messages[0].content[0].text"],
    ["messages", ['[{"role":"user","content":[{"type":"image"}]}]'], "messages[0].content[0].source"],
    ["messages", ['[{"role":"user","content":[{"type":"tool_result","content":"a"}]}]'], "messages[0].content[0].tool_use_id"],
    ["tools", ['[{"input_schema":{}}]', '[{"name":"","input_schema":{}}]'], "tools[0].name"],
    ["tools", ['[{"name":"f"}]', '[{"name":"f","input_schema":[]}]'], "tools[0].input_schema"],
    ["tool_choice", ['"auto"']],
    ["tool_choice", ['{"type":"tool"}'], "tool_choice.name"],
    ["thinking", ["5", '"on"', "[]"]],
    ["thinking", ['{"type":"enabled"}', '{"type":"enabled","budget_tokens":-1}', '{"type":"enabled","budget_tokens":1e308}'], "thinking.budget_tokens"],
    ["metadata", ["5", '"me"', "[]"]],
    ["metadata", ['{"user_id":5}'], "metadata.user_id"],
  ],
}; // biome-ignore format: a table

describe.each(ASKED)("to $front, stream: $stream", ({ front, stream }) => {
  const cases = rows[front].flatMap(([field, values, param = field]) =>
    values.map((value) => ({ field, value, param, shown: value.slice(0, 60) })),
  );
  test.each(cases.filter(({ field }) => field !== "stream" || !stream))(
    "$field: $shown is refused, naming $param",
    async ({ field, value, param }) => {
      const response = await scene.call(front, {}, { body: bodyWith(front, stream, field, value) });
      await scene.refused(front, response, { code: "invalid_request", param });
    },
  );

  test.each(["model", "messages", ...(front === "anthropic" ? ["max_tokens"] : [])])(
    "without %s it is refused",
    async (field) => {
      const { [field]: _, ...body } = FRONTS[front].body({ stream });
      await scene.refused(front, await scene.call(front, {}, { body }), { code: "invalid_request", param: field });
    },
  );

  test.each<[string, string]>([["max_tokens", "1"], ["max_tokens", "10000000"], ["temperature", "0"], ["temperature", "1"], ["top_p", "0"],
    ["top_p", "1.0"], ["tools", "[]"], ["stream", "null"], ["x_unknown", "1e308"], ["x_unknown", "9007199254740993"], ["x_unknown", "1e999"],
  ])("%s: %s is at the edge, and served", async (field, value) => {
    await scene.served(front, {}, { body: bodyWith(front, field === "stream" ? false : stream, field, value) });
  }); // biome-ignore format: rows
});

describe.each(ASKED)("a model that is not the caller's, to $front, stream: $stream", ({ front, stream }) => {
  /** Ids differ from call to call, and nothing else may. */
  const plain = (text: string) => text.replace(/call_[0-9a-z]{26}/g, "call_X");
  const headersOf = (response: Response) => JSON.stringify([...response.headers].filter(([name]) => name !== "date")).replace(/call_[0-9a-z]{26}/g, "call_X");

  test.each(["claude", "demo", "small"])("%s, which exists and is not granted, answers byte for byte like one that does not exist", async (model) => {
    const other = model === "small" ? "claude" : "small";
    const row = (name: string) => ({ name, targets: [{ provider: name === "demo" ? "demo" : "up", model: "m", weight: 1 }], fallbacks: [] });
    const granting = (names: string[]) => Scene.start({ models: names.map(row), api: { models: [other] } });
    const ungranted = await granting([other, model]);
    const unknown = await granting([other]);
    const answers: string[] = [];
    for (const one of [ungranted, unknown]) {
      const response = await one.call(front, { stream, model });
      const copy = response.clone();
      answers.push(plain(await copy.text()) + headersOf(response));
      await one.refused(front, response, { code: "model_not_found", param: "model" });
    }
    expect(answers[0]).toBe(answers[1]!);
    // The control: the same name is served where it is granted.
    const granted = await Scene.start({ models: [row(model)], api: { models: [model] } });
    await granted.served(front, { stream, model });
    for (const one of [ungranted, unknown, granted]) await one.stop();
  });

  test.each(["Small", "SMALL", " small", "small ", "small\u0000", "small\u200b", "sm\u0430ll", "small/", "./small", "up/small", "small-2026", "*", "sm*", "up/small-2026", "small,claude", "__proto__", "constructor"])(
    "%j is another name than small: unknown",
    async (model) => {
      await scene.refused(front, await scene.call(front, { stream, model }), { code: "model_not_found", param: "model" });
    },
  );

  test("under an API's path only that API's models are there, and an API that is not the caller's answers like none", async () => {
    const path = `/apis/chat/v1${FRONTS[front].path}`;
    await scene.served(front, { stream }, { path });
    scene.up.forget();
    const said: string[] = [];
    for (const api of ["other/v1", "chat/v2", "__proto__/v1", "chat/V1"]) {
      const response = await scene.call(front, { stream }, { path: `/apis/${api}${FRONTS[front].path}` });
      said.push(plain(await response.clone().text()).replaceAll(api, "API"));
      await scene.refused(front, response, { code: "model_not_found", param: "model" });
    }
    expect(new Set(said).size).toBe(1);
  });

  test.each(["draft", "retired"] as const)("a %s API answers like one that does not exist", async (stage) => {
    const hidden = await Scene.start({ api: { stage } });
    const gone = await Scene.start({ principal: { subscriptions: [] } });
    for (const path of [FRONTS[front].path, `/apis/chat/v1${FRONTS[front].path}`]) {
      const said: string[] = [];
      for (const one of [hidden, gone]) {
        const response = await one.call(front, { stream }, { path });
        said.push(plain(await response.clone().text()) + headersOf(response));
        await one.refused(front, response, { code: "model_not_found", param: "model" });
      }
      expect(said[0]).toBe(said[1]!);
    }
    await hidden.stop();
    await gone.stop();
  });
}); // biome-ignore format: rows

test("nothing of a refused value is repeated but the model's name", async () => {
  for (const front of DIALECTS) {
    scene.secret("my-secret-value");
    const response = await scene.call(front, { temperature: "my-secret-value", metadata: "my-secret-value" });
    await scene.refused(front, response, { code: "invalid_request" });
  }
});

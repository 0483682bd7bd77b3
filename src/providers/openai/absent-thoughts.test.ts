import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../kernel/json.ts";
import { writeAbsentThoughts } from "./absent-thoughts.ts";
import { OPENAI_QUIRKS, type Quirks } from "./quirks.ts";

const demanding = (turns: "all" | "with-calls"): Quirks => ({
  ...OPENAI_QUIRKS,
  thoughtsWritten: "reasoning_content",
  thoughtsAbsent: { text: "-", turns, demanded: (model, asked) => asked ?? model === "thinks" },
});
const CALLING = { role: "assistant", content: null, tool_calls: [{ id: "c" }] };
const SAYING = { role: "assistant", content: "so" };
const conversation = (...turns: JsonObject[]) => [{ role: "user", content: "hi" }, ...turns, { role: "tool" }];
/** What stands as the thought of each turn. */
const thoughts = (quirks: Quirks, body: JsonObject, turns: JsonObject[], model = "thinks") => {
  const whole: JsonObject = { ...body, messages: conversation(...turns.map((turn) => ({ ...turn }))) };
  writeAbsentThoughts(whole, model, quirks);
  return (whole.messages as JsonObject[]).map((turn) => turn.reasoning_content);
};

describe("a turn of the model's without a thought", () => {
  const ON = { thinking: { type: "enabled" } };
  const OFF = { thinking: { type: "disabled" } };
  test.each<[string, Quirks, JsonObject, JsonObject[], string, (string | undefined)[]]>([
    ["is marked where it calls", demanding("with-calls"), ON, [SAYING, CALLING], "m", [undefined, "-"]],
    ["is marked beside a call, where all must be", demanding("all"), ON, [SAYING, CALLING], "m", ["-", "-"]],
    ["stays as it is where nothing was called", demanding("all"), ON, [SAYING, SAYING], "m", [undefined, undefined]],
    [
      "stays as it is where thinking is off",
      demanding("all"),
      OFF,
      [SAYING, CALLING],
      "thinks",
      [undefined, undefined],
    ],
    ["is marked where the model thinks unasked", demanding("with-calls"), {}, [CALLING], "thinks", ["-"]],
    ["stays as it is where the model does not", demanding("with-calls"), {}, [CALLING], "m", [undefined]],
    ["stays as it is where nobody demands a thought", OPENAI_QUIRKS, ON, [CALLING], "m", [undefined]],
  ])("%s", (_, quirks, body, turns, model, marks) => {
    expect(thoughts(quirks, body, turns, model)).toEqual([undefined, ...marks, undefined]);
  });

  test("is no turn that has one", () => {
    const turns = [{ ...CALLING, reasoning_content: "hm" }, CALLING];
    expect(thoughts(demanding("with-calls"), ON, turns)).toEqual([undefined, "hm", "-", undefined]);
  });
});

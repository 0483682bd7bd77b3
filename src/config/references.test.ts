import { describe, expect, test } from "bun:test";
import { edited, problems } from "../../test/support/configuration.ts";

// references.ts, as the loader asks it.

describe("a reference", () => {
  const subscriptions = "subscriptions: [{ api: chat, version: v1, plan: standard, state: approved }]";
  const rows: [string, string, string, string][] = [
    [
      "to an unknown provider",
      "provider: other",
      "provider: othr",
      'models[0].fallbacks[0].provider: names provider "othr", which this file does not have; did you mean "other"?',
    ],
    ["to an unknown model", "models: [small]", "models: [smal]", 'apis[0].models[0]: names model "smal"'],
    [
      "to models that no pattern reaches",
      "models: [small]",
      'models: ["large*"]',
      'apis[0].models[0]: names model "large*"',
    ],
    [
      "to an unknown guardrail",
      "guardrails: [words]",
      "guardrails: [wrods]",
      'apis[0].guardrails[0]: names guardrail "wrods"',
    ],
    ["to an unknown API", "api: chat", "api: chta", 'subscriptions[0].api: names API "chta/v1"'],
    ["to an unknown version", "version: v1, plan", "version: v2, plan", 'subscriptions[0].api: names API "chat/v2"'],
    ["to an unknown plan", "plan: standard", "plan: standart", 'subscriptions[0].plan: names plan "standart"'],
    ["to a prototype's name", "provider: other", "provider: constructor", 'names provider "constructor"'],
    [
      "by a star that stands for nothing",
      "model: tiny",
      'model: "*"',
      "models[0].fallbacks[0].model: has a *, but the model's name small has none",
    ],
    [
      "twice to one API",
      subscriptions,
      "subscriptions: [{ api: chat, version: v1, plan: free }, { api: chat, version: v1, plan: standard }]",
      "subscriptions[1].api: is chat/v1, as subscriptions[0] is",
    ],
    ["twice to one model", "models: [small]", "models: [small, small]", "apis[0].models[1]: is small, as models[0] is"],
    [
      "that two providers answer",
      "name: other",
      "name: up",
      "providers[1].name: is up, as providers[0] is; names must differ",
    ],
    ["that two plans answer", "name: standard", "name: free", "plans[1].name: is free, as plans[0] is"],
    [
      "that two keys answer",
      "keys: [",
      "keys: [{ name: ci, import: { env: OTHER } }, ",
      "keys[1].name: is ci, as keys[0] is",
    ],
  ];
  for (const [what, from, to, message] of rows) {
    test(`${what} is refused`, () => expect(problems(edited(from, to)).join("\n")).toContain(message));
  }

  test("may be a pattern, on either side", () => {
    const text = edited("models: [small]", 'models: ["s*", up/any]').replace(
      "models:\n",
      'models:\n  - { name: "up/*", targets: [{ provider: up, model: "*" }] }\n',
    );
    expect(problems(text)).toEqual([]);
  });

  const fits: [string, string, string, string][] = [
    [
      "an account without the address it needs",
      "    baseUrl: https://llm.internal/v1\n",
      "",
      "providers[0].baseUrl: is required with kind openai-compatible",
    ],
    [
      "an account without the key it needs",
      "kind: demo",
      "kind: openai",
      "providers[1].apiKey: is required with kind openai",
    ],
    [
      "a demo with an address",
      "kind: demo",
      "kind: demo, baseUrl: http://x",
      "providers[1].baseUrl: has no use with kind demo",
    ],
    [
      "a demo with a key",
      "kind: demo",
      "kind: demo, apiKey: { env: UP_KEY }",
      "providers[1].apiKey: has no use with kind demo",
    ],
    [
      "two limits of one kind and window",
      "{ per: minute, requests: 10 }",
      "{ per: day, requests: 10 }",
      "plans[0].limits[1]: limits requests per day, as limits[0] does",
    ],
    [
      "two limits of concurrency",
      "{ per: minute, tokens: 200000 }",
      "{ concurrent: 5 }",
      "plans[2].limits[2]: limits concurrent, as limits[1] does",
    ],
    [
      "an end before its announcement",
      "stage: published",
      "stage: deprecated, deprecatedAt: 2027-01-01, sunsetAt: 2026-01-01",
      "apis[0].sunsetAt: must not be before deprecatedAt",
    ],
  ];
  for (const [what, from, to, message] of fits) {
    test(`${what} is refused`, () => expect(problems(edited(from, to)).join("\n")).toContain(message));
  }
});

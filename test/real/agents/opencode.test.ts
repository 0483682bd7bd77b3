/**
 * opencode, which speaks each dialect through the AI SDK's package for it, in front of a provider of another dialect
 * each time.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ProviderName, toolNames } from "../../support/any-provider.ts";
import { AgentStage, agentsPresent, expectDone, type Hands, RUN_MS, TASK } from "./stage.ts";

const HANDS: Hands = {
  reader: "read",
  read: (path) => ({ name: "read", arguments: JSON.stringify({ filePath: path }) }),
  write: (path, content) => ({ name: "write", arguments: JSON.stringify({ filePath: path, content }) }),
};

const config = (npm: string, baseURL: string, apiKey: string, model: string) => ({
  provider: {
    sallyport: {
      npm,
      name: "Sallyport",
      options: { baseURL, apiKey },
      models: {
        [model]: { name: model, tool_call: true, reasoning: true, limit: { context: 128_000, output: 8_000 } },
      },
    },
  },
  autoupdate: false,
  share: "disabled",
});

const ROWS: [npm: string, base: string, endpoint: string, provider: ProviderName][] = [
  ["@ai-sdk/openai-compatible", "/v1", "chat.completions", "anthropic"],
  ["@ai-sdk/openai", "/v1", "responses", "google"],
  ["@ai-sdk/anthropic", "/v1", "messages", "openai"],
  ["@ai-sdk/google", "/v1beta", "gemini.stream", "openai-compatible"],
];

describe.skipIf(!(await agentsPresent()))("opencode", () => {
  let stage: AgentStage;
  beforeAll(async () => {
    stage = await AgentStage.begin();
  });
  afterAll(() => stage?.stop());

  test.each(ROWS)(
    "with %s at %s does a task over %s with a model of %s",
    async (npm, base, endpoint, provider) => {
      const model = `${provider}-model`;
      const done = await stage.run("opencode", HANDS, ({ home, url, key }) => {
        const folder = join(home, ".config/opencode");
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "opencode.json"), JSON.stringify(config(npm, url + base, key, model)));
        return {
          args: ["run", TASK, "--model", `sallyport/${model}`, "--auto", "--pure"],
          env: { OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_AUTOUPDATE: "1" },
        };
      });
      expectDone(stage, done);
      expect([...new Set(done.records.map((record) => record.endpoint))]).toEqual([endpoint]);
      expect(toolNames(done.asked[0]!)).toEqual(expect.arrayContaining(["bash", "edit", "read", "write"]));
    },
    RUN_MS,
  );
});

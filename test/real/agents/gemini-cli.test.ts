/** Gemini CLI in front of Google, OpenAI and Anthropic. It speaks streamGenerateContent, with thoughts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ProviderName, toolNames } from "../../support/any-provider.ts";
import { AgentStage, agentsPresent, expectDone, type Hands, RUN_MS, TASK } from "./stage.ts";

const HANDS: Hands = {
  reader: "read_file",
  read: (path) => ({ name: "read_file", arguments: JSON.stringify({ file_path: path }) }),
  write: (path, content) => ({ name: "write_file", arguments: JSON.stringify({ file_path: path, content }) }),
};

const SETTINGS = {
  security: { auth: { selectedType: "gemini-api-key" } },
  general: { enableAutoUpdate: false },
  privacy: { usageStatisticsEnabled: false },
};

describe.skipIf(!(await agentsPresent()))("Gemini CLI", () => {
  let stage: AgentStage;
  beforeAll(async () => {
    stage = await AgentStage.begin();
  });
  afterAll(() => stage?.stop());

  const providers: ProviderName[] = ["google", "openai", "anthropic"];
  test.each(providers)(
    "does a task with a model of %s",
    async (provider) => {
      const done = await stage.run("gemini", HANDS, ({ home, url, key }) => {
        mkdirSync(join(home, ".gemini"));
        writeFileSync(join(home, ".gemini/settings.json"), JSON.stringify(SETTINGS));
        return {
          args: ["-p", TASK, "-m", `${provider}-model`, "--approval-mode", "yolo", "--skip-trust"],
          env: { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: key },
        };
      });
      expectDone(stage, done);
      // It forgets thoughts, and Anthropic must see them before the call again.
      if (provider === "anthropic") {
        expect(done.asked[1]!.text()).toContain('"thinking":"I have to read it first.","signature":"c2lnbmF0dXJl"');
      }
      expect(toolNames(done.asked[0]!)).toEqual(
        expect.arrayContaining(["read_file", "write_file", "run_shell_command"]),
      );
    },
    RUN_MS,
  );
});

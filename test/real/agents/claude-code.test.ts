/**
 * Claude Code in front of every provider. It speaks Messages with its own beta flags, adaptive thinking, context
 * management, tools that it loads later, and system messages in mid-conversation.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { PROVIDER_NAMES, type ProviderName, toolNames } from "../../support/any-provider.ts";
import type { ReceivedRequest } from "../../support/upstream.ts";
import { AgentStage, agentsPresent, expectDone, type Hands, RUN_MS, TASK } from "./stage.ts";

const HANDS: Hands = {
  reader: "Read",
  read: (path) => ({ name: "Read", arguments: JSON.stringify({ file_path: path }) }),
  write: (path, content) => ({ name: "Write", arguments: JSON.stringify({ file_path: path, content }) }),
};

describe.skipIf(!(await agentsPresent()))("Claude Code", () => {
  let stage: AgentStage;
  beforeAll(async () => {
    stage = await AgentStage.begin();
  });
  afterAll(() => stage?.stop());

  const work = (provider: ProviderName) =>
    stage.run("claude", HANDS, ({ url, key }) => ({
      args: ["-p", TASK, "--model", `${provider}-model`, "--allowedTools", "Read,Write", "--output-format", "json"],
      env: { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: key, DISABLE_AUTOUPDATER: "1" },
    }));

  test.each(PROVIDER_NAMES)(
    "does a task with a model of %s",
    async (provider) => {
      const run = await work(provider);
      expectDone(stage, run);
      const report = JSON.parse(/^\{.*\}$/m.exec(run.output)![0]) as { is_error: boolean; num_turns: number };
      expect(report).toMatchObject({ is_error: false, num_turns: 3 });
      const tools = toolNames(run.asked[0]!);
      expect(tools).toEqual(expect.arrayContaining(["Bash", "Edit", "Read", "Write"]));
      expect(tools.length).toBeGreaterThan(10);
    },
    RUN_MS,
  );

  test(
    "is understood by Anthropic as if nobody stood between",
    async () => {
      const { asked } = await work("anthropic");
      const [first, second] = asked as [ReceivedRequest, ReceivedRequest];
      expect(first.header("anthropic-beta")).toContain("context-management-2025-06-27");
      expect(first.json()).toMatchObject({
        stream: true,
        thinking: { type: "adaptive" },
        context_management: { edits: [{ type: "clear_thinking_20251015" }] },
        output_config: { effort: "high" },
      });
      // The thought comes back with its seal.
      expect(JSON.stringify(second.json())).toContain('"signature":"c2lnbmF0dXJl"');
    },
    RUN_MS,
  );

  test.each(["HEAD", "GET"])("finds somebody at home when it warms its connection with %s /", async (method) => {
    expect((await fetch(stage.app.url, { method })).status).toBe(200);
  });
});

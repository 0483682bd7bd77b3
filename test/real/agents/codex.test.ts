/**
 * Codex CLI in front of every provider. It speaks Responses, streamed, with `store: false`, a cache key, encrypted
 * thoughts, a namespace of tools and a web search of OpenAI's.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROVIDER_NAMES, toolNames } from "../../support/any-provider.ts";
import { AgentStage, agentsPresent, expectDone, type Hands, RUN_MS, TASK } from "./stage.ts";

const run = (cmd: string) => ({ name: "exec_command", arguments: JSON.stringify({ cmd }) });
const HANDS: Hands = {
  reader: "exec_command",
  read: (path) => run(`cat '${path}'`),
  write: (path, content) => run(`printf %s '${content}' > '${path}'`),
};

const config = (model: string, url: string) => `
model = "${model}"
model_provider = "sallyport"
[model_providers.sallyport]
name = "Sallyport"
base_url = "${url}/v1"
env_key = "SALLYPORT_KEY"
wire_api = "responses"
`;

describe.skipIf(!(await agentsPresent()))("Codex CLI", () => {
  let stage: AgentStage;
  beforeAll(async () => {
    stage = await AgentStage.begin();
  });
  afterAll(() => stage?.stop());

  test.each(PROVIDER_NAMES)(
    "does a task with a model of %s",
    async (provider) => {
      const done = await stage.run("codex", HANDS, ({ home, url, key }) => {
        mkdirSync(join(home, ".codex"));
        writeFileSync(join(home, ".codex/config.toml"), config(`${provider}-model`, url));
        // Its own sandbox needs rights that a container seldom has; the commands are those above.
        const args = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", TASK];
        return { args, env: { SALLYPORT_KEY: key } };
      });
      expectDone(stage, done);
      expect(toolNames(done.asked[0]!)).toEqual(
        expect.arrayContaining(["exec_command", "view_image", "multi_agent_v1__spawn_agent"]),
      );
    },
    RUN_MS,
  );
});

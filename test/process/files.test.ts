/** Whose a file is, is remembered before anybody hears of it: a kill right after the answer forgets nothing. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import { FileProvider } from "../support/file-provider.ts";
import { configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let up: Upstream;
let installation: Installation;
beforeAll(async () => {
  up = await startUpstream();
  const provider = new FileProvider();
  up.plan((request) => provider.answer(request));
  installation = new Installation(configuration({ upstream: up.url }));
});
afterAll(async () => {
  await installation.remove();
  await up.stop();
});

const clientOf = ({ url, key }: GatewayProcess) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });

test("files and batches survive the death of the gateway, and nobody else's are taken for them", async () => {
  const first = await installation.start();
  const body = { model: "small", messages: [{ role: "user", content: "Hi" }], max_tokens: 5 };
  const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body };
  const upload = await toFile(Buffer.from(JSON.stringify(line)), "calls.jsonl");
  const file = await clientOf(first).files.create({ file: upload, purpose: "batch" });
  first.kill("SIGKILL");
  await first.exited;

  const second = await installation.start();
  const client = clientOf(second);
  expect((await client.files.retrieve(file.id)).id).toBe(file.id);
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  expect((await client.files.list()).data.map(({ id }) => id)).toEqual([file.id]);
  expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
  const asked = up.requests.length;
  const foreign = await client.files.retrieve("file-elsewhere").catch((error: { status: number }) => error);
  expect([(foreign as { status: number }).status, up.requests.length]).toEqual([404, asked]);
  const records = await second.records();
  expect(records.map(({ endpoint }) => endpoint)).toContain("batches.create");
  expect(await second.stop()).toBe(0);
}, 60_000);

// Covers tools/dev.ts.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepareDev } from "./dev.ts";

type Chat = { choices: { message: { content: string } }[] };
type Message = { content: { text: string }[] };

test("npm run dev: both models answer through the gateway, in the caller's dialect, without an account", async () => {
  const parts = await prepareDev("127.0.0.1:0", "127.0.0.1:0");
  const gateway = Bun.spawn(["sh", join(import.meta.dir, "../bin/sallyport"), "serve"], {
    env: { PATH: process.env.PATH, ...parts.env, SALLYPORT_LOG: "json" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const url = await readyUrl(gateway.stdout);
    const ask = (path: string, model: string, max: object) =>
      fetch(`${url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${parts.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }], ...max }),
      });
    for (const model of ["small", "claude"]) {
      const chat = (await (await ask("/v1/chat/completions", model, {})).json()) as Chat;
      expect(chat.choices[0]!.message.content).toStartWith("This is the upstream emulator.");
      const message = (await (await ask("/v1/messages", model, { max_tokens: 50 })).json()) as Message;
      expect(message.content[0]!.text).toStartWith("This is the upstream emulator.");
    }
    expect(parts.upstream.requests.map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
      "/v1/chat/completions",
      "/v1/messages",
      "/v1/messages",
    ]);
  } finally {
    gateway.kill();
    expect(await gateway.exited).toBe(0);
    await parts.stop();
  }
  expect(existsSync(parts.env.SALLYPORT_DATA_DIR!)).toBe(false);
});

/** The address in the gateway's first words. Reads on afterwards: output that nobody takes would stop it. */
async function readyUrl(output: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of output) {
      text += decoder.decode(bytes, { stream: true });
      const ready = /"message":"ready".*"listen":"([^"]+)"/.exec(text);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    }
    reject(new Error(`the gateway ended before it was ready: ${text}`));
  };
  read().catch(reject);
  return await promise;
}

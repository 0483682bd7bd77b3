// Covers tools/dev.ts.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { FRONTS } from "../test/conformance/fronts.ts";
import { devWelcome, MODELS, prepareDev } from "./dev.ts";

test("npm run dev: every model answers through the gateway to every front's call as printed, without an account", async () => {
  const parts = await prepareDev("127.0.0.1:0", "127.0.0.1:0");
  const gateway = Bun.spawn(["sh", join(import.meta.dir, "../bin/sallyport"), "serve"], {
    env: { PATH: process.env.PATH, ...parts.env, SALLYPORT_LOG: "json" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const url = await readyUrl(gateway.stdout);
    for (const front of FRONTS) {
      for (const model of Object.keys(MODELS)) {
        const response = await fetch(url + front.path(model, false), {
          method: "POST",
          headers: { authorization: `Bearer ${parts.key}`, "content-type": "application/json" },
          body: JSON.stringify(front.body(null, model, false)),
        });
        const told = `${front.name} ${model}: ${response.status} ${await response.text()}`;
        expect(told).toStartWith(`${front.name} ${model}: 200 `);
        expect(told).toContain("This is the upstream emulator.");
      }
    }
    // Each model's provider is asked in its own dialect, at its own path.
    expect(parts.upstream.requests.length).toBe(FRONTS.length * Object.keys(MODELS).length);
    const paths = new Set(parts.upstream.requests.map(({ path }) => path));
    expect(paths.size).toBe(Object.keys(MODELS).length);

    const printed = devWelcome(url, parts.upstream.url, parts.key);
    const commands = printed.match(/^curl .*\\\n.*$/gm) ?? [];
    expect(commands.length).toBe(FRONTS.length);
    for (const command of commands) {
      const env = { PATH: process.env.PATH, KEY: parts.key };
      const shell = Bun.spawn(["sh", "-c", command], { env, stdio: ["ignore", "pipe", "ignore"] });
      expect(await shell.stdout.text()).toContain("This is the upstream emulator.");
    }
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

/**
 * Portkey's open-source gateway, a peer on Node. Fetched from npm into a cache folder when the bench first runs,
 * never a dependency of this project, and without running any install script.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../process.ts";

const FOLDER = join(ROOT, ".cache/peers/portkey");
const ENTRY = join(FOLDER, "node_modules/@portkey-ai/gateway/build/start-server.js");

/**
 * Pinned, so that a figure can be repeated. From @hono/node-server 1.14.1 on, this version of the gateway fails
 * every streamed call with "TypeError: immutable" (github.com/Portkey-AI/gateway/issues/1389), hence the override.
 */
const MANIFEST = JSON.stringify({
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  overrides: { "@hono/node-server": "1.14.0" },
});

/** Makes sure that it is installed; returns why it could not be, or undefined. */
export async function fetchPortkey(): Promise<string | undefined> {
  // Written when npm has finished: an install that was cut off, or is of another version, is done again.
  const stamp = join(FOLDER, "installed.json");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === MANIFEST) return undefined;
  if (Bun.which("npm") === null || Bun.which("node") === null) return "node and npm are not on PATH";
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "package.json"), MANIFEST);
  console.error("fetching Portkey's gateway from npm …");
  const npm = Bun.spawn(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"], {
    cwd: FOLDER,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const complaint = await new Response(npm.stderr).text();
  if ((await npm.exited) !== 0 || !existsSync(ENTRY)) return `npm could not fetch it: ${complaint.trim().slice(-300)}`;
  writeFileSync(stamp, MANIFEST);
  return undefined;
}

export function portkeyCommand(port: number): string[] {
  return ["node", ENTRY, "--headless", `--port=${port}`];
}

/** What its callers send to choose the provider and where it is. */
export function portkeyHeaders(upstreamPort: number): Record<string, string> {
  return { "x-portkey-provider": "openai", "x-portkey-custom-host": `http://127.0.0.1:${upstreamPort}/v1` };
}

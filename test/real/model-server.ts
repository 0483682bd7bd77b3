/** The real model of `npm run test:all`: set up by tools/real-model.sh, run by tools/real-model-server.py. */
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const SCRIPT = ["sh", join(ROOT, "tools/real-model.sh")];

/** Fetches the model if it is not there yet; returns why it cannot be had, or undefined. */
export async function fetchModel(): Promise<string | undefined> {
  const child = Bun.spawn(SCRIPT, { stdio: ["ignore", "ignore", "pipe"] });
  const complaint = await new Response(child.stderr).text();
  return (await child.exited) === 0 ? undefined : complaint.trim().split("\n").at(-1);
}

export interface ModelServer {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  url: string;
  /** The key that it demands, in either dialect's header. */
  key: string;
  /** How many answers it is writing now. */
  busy(): Promise<number>;
  stop(): Promise<void>;
}

/** The one model that it serves. */
export const MODEL = "smollm2";

export async function startModel(): Promise<ModelServer> {
  const key = "sk-real-model-0123456789";
  const child = Bun.spawn([...SCRIPT, "serve", "--api-key", key], { stdio: ["pipe", "pipe", "inherit"] });
  const url = await readyLine(child.stdout);
  const busy = async () => {
    const answer = await fetch(`${url}/slots`, { headers: { authorization: `Bearer ${key}` } });
    const slots = (await answer.json()) as { is_processing: boolean }[];
    return slots.filter((slot) => slot.is_processing).length;
  };
  const stop = async () => {
    child.kill();
    await child.exited;
  };
  return { url, key, busy, stop };
}

/** The address in its READY line. Reads on afterwards: a program whose output nobody takes is ended by its next line. */
function readyLine(output: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of output) {
      text += decoder.decode(bytes, { stream: true });
      const ready = /^READY (\S+)\n/m.exec(text);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    }
    reject(new Error(`the model's server ended before it was ready: ${text}`));
  };
  read().catch(reject);
  return promise;
}

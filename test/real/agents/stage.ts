/**
 * A coding agent as its users run it, in front of the gateway, in front of emulated providers: headless, with a virtual
 * key, a clean environment, a home of its own, and no way out but the gateway. The emulated model does a task in two
 * tool calls, and can do it only with what the agent's tools tell it: it reads a file that holds a word, then writes
 * the word to another file, then says so.
 */
import { expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UsageRecord } from "../../../src/ports/records.ts";
import { everyProvider, replyInKind } from "../../support/any-provider.ts";
import { type App, PROVIDER_KEY, startApp } from "../../support/app.ts";
import { present } from "../../support/parts.ts";
import type { Answer, ToolCall } from "../../support/upstream/answer.ts";
import { json, type ReceivedRequest, startUpstream, type Upstream } from "../../support/upstream.ts";
import { type AgentName, COMMANDS, fetchAgents } from "./install.ts";

/** Only `npm run test:all` fetches a gigabyte. */
const wanted = process.env.TEST_ALL === "1";

/** Whether the agents can be run here; said loudly where they should be and are not. */
export async function agentsPresent(): Promise<boolean> {
  if (!wanted) return false;
  const reason = await fetchAgents();
  const how = `npm fetches them into .cache/agents${reason === undefined ? "" : ` (${reason})`}`;
  return present({ name: "coding agents", found: reason === undefined, how });
}

/** How an agent's tools are called to read a file, and to write one. */
export interface Hands {
  /** The tool that the model reads with: requests that do not offer it are side talk. */
  reader: string;
  read(path: string): Omit<ToolCall, "id">;
  write(path: string, content: string): Omit<ToolCall, "id">;
}

/** What became of one run. */
export interface Run {
  exit: number;
  output: string;
  /** What the model's last words must be for the agent to have understood its own tools' results. */
  word: string;
  /** What stands in the file that the agent was to write; null where there is none. */
  written: string | null;
  /** What the provider was asked with the tool at hand, in order. */
  asked: ReceivedRequest[];
  records: UsageRecord[];
}

export class AgentStage {
  readonly app: App;
  readonly up: Upstream;
  /** No run has the word of another. */
  #runs = 0;

  static async begin(): Promise<AgentStage> {
    const up = await startUpstream();
    const app = await startApp({ upstream: up.url, ...everyProvider(up.url) });
    return new AgentStage(app, up);
  }

  constructor(app: App, up: Upstream) {
    this.app = app;
    this.up = up;
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await this.up.stop();
  }

  /** Runs an agent on the task. `settings` gives its arguments and environment, and writes what files it needs. */
  async run(agent: AgentName, hands: Hands, settings: (place: Place) => Settings): Promise<Run> {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-agent-"));
    const place: Place = {
      home: join(folder, "home"),
      work: join(folder, "work"),
      url: this.app.url,
      key: this.app.key,
    };
    mkdirSync(place.home, { recursive: true });
    mkdirSync(place.work);
    const word = `quartz-${agent}-${this.#runs++}-${process.pid}`;
    writeFileSync(join(place.work, "note.txt"), `The word is ${word}.\n`);
    const before = new Set((await this.app.records()).map(({ id }) => id));
    const asked: ReceivedRequest[] = [];
    let answers = 0;
    this.up.forget();
    this.up.plan((request) => {
      const offered = request.text().includes(`"${hands.reader}"`);
      if (offered) asked.push(request);
      const answer = offered ? nextStep(request, hands, place.work) : { text: "A note" };
      // An agent that asks on and on is stopped by an answer that it cannot use. No two answers have one id.
      if (asked.length > MOST_TURNS) return json(400, { error: { message: "enough" } });
      return replyInKind(request, { ...answer, id: `answer_${this.#runs}_${answers++}` });
    });
    const wall = wallProxy();
    try {
      const { args, env } = settings(place);
      const child = Bun.spawn([...COMMANDS[agent], ...args], {
        cwd: place.work,
        env: { PATH: process.env.PATH ?? "", HOME: place.home, TERM: "dumb", ...proxyEnv(wall.port!), ...env },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: TIMEOUT_MS,
        killSignal: "SIGKILL",
      });
      const texts = await Promise.all([child.stdout, child.stderr].map((stream) => new Response(stream).text()));
      const exit = await child.exited;
      const answer = Bun.file(join(place.work, "answer.txt"));
      return {
        exit,
        word,
        output: texts.join("\n"),
        written: (await answer.exists()) ? readFileSync(join(place.work, "answer.txt"), "utf8") : null,
        asked,
        records: (await this.app.records()).filter(({ id }) => !before.has(id)),
      };
    } finally {
      await wall.stop(true);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** The task needs three. */
const MOST_TURNS = 6;

/** One run takes one to eight seconds on an idle machine. */
const TIMEOUT_MS = 90_000;
/** What a test with one run may take. */
export const RUN_MS = TIMEOUT_MS + 10_000;

export interface Place {
  home: string;
  work: string;
  /** The gateway. */
  url: string;
  key: string;
}

export interface Settings {
  args: string[];
  env: Record<string, string>;
}

export const TASK = "Read note.txt and write the word that it holds to answer.txt, followed by -copied.";

/** What the model does next: it knows nothing but what the request tells it. */
function nextStep(request: ReceivedRequest, hands: Hands, work: string): Answer {
  const text = request.text();
  const word = /quartz-[a-z]+-\d+-\d+/.exec(text)?.[0];
  if (word === undefined) {
    const call = { id: "call_read", ...hands.read(join(work, "note.txt")) };
    return { reasoning: "I have to read it first.", text: "I look at the note.", toolCalls: [call] };
  }
  if (!text.includes(`${word}-copied`)) {
    return { toolCalls: [{ id: "call_write", ...hands.write(join(work, "answer.txt"), `${word}-copied`) }] };
  }
  return { text: `Done: ${word}.` };
}

/**
 * Takes what an agent sends to the outside, and lets nothing through: they look for updates, plugins and lists of
 * models, and must do their work without.
 */
function wallProxy() {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      },
    },
  });
}

function proxyEnv(port: number): Record<string, string> {
  const url = `http://127.0.0.1:${port}`;
  const env: Record<string, string> = { NO_PROXY: "127.0.0.1,localhost", no_proxy: "127.0.0.1,localhost" };
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
    env[name] = url;
    env[name.toLowerCase()] = url;
  }
  return env;
}

/** That the task was done, by these records of nothing but calls that went well, and that no secret crossed the gateway. */
export function expectDone(stage: AgentStage, run: Run): void {
  expect({ exit: run.exit, written: run.written, output: run.output }).toEqual({
    exit: 0,
    written: `${run.word}-copied`,
    output: expect.stringContaining(`Done: ${run.word}.`),
  });
  expect(run.asked).toHaveLength(3);
  expect(run.records.length).toBeGreaterThanOrEqual(3);
  expect(run.records.filter(({ outcome }) => outcome !== "finished")).toEqual([]);
  expect(stage.app.logs).toEqual([]);
  expect(stage.up.everything()).not.toContain(stage.app.key);
  expect(run.output).not.toContain(PROVIDER_KEY);
}

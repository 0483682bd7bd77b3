/**
 * The coding agents that judge the gateway: fetched from npm into a cache folder when their suites first run, never a
 * dependency of this project, and without running any install script. Three of them are programs for one platform,
 * which npm picks as an optional package; they are started without their launchers, which the install scripts finish.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "../../../.cache/agents");
const MODULES = join(FOLDER, "node_modules");

/** Pinned, so that a failure can be repeated. */
const PACKAGES = {
  "@anthropic-ai/claude-code": "2.1.330",
  "@google/gemini-cli": "0.61.0",
  "@openai/codex": "0.169.0",
  "opencode-ai": "1.18.33",
} as const;
const MANIFEST = JSON.stringify({ private: true, dependencies: PACKAGES });

/** A download of this size breaks off now and then. */
const ATTEMPTS = 4;

const PLATFORM = `${process.platform}-${process.arch}`;
/** The names by which Rust knows the platforms of Codex CLI. */
const TRIPLES: Record<string, string> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
};

/** How each agent is started; arguments follow. */
export const COMMANDS = {
  claude: [join(MODULES, `@anthropic-ai/claude-code-${PLATFORM}`, "claude")],
  codex: [join(MODULES, `@openai/codex-${PLATFORM}/vendor`, TRIPLES[PLATFORM] ?? PLATFORM, "bin/codex")],
  gemini: ["node", join(MODULES, "@google/gemini-cli/bundle/gemini.js")],
  opencode: [join(MODULES, `opencode-${PLATFORM}`, "bin/opencode")],
} as const satisfies Record<string, readonly string[]>;

export type AgentName = keyof typeof COMMANDS;

const missing = () =>
  Object.values(COMMANDS).flatMap((command) => (existsSync(command.at(-1)!) ? [] : [command.at(-1)!]));

/**
 * One run of npm in an empty folder: npm leaves out an optional package whose download broke off without a word, and
 * would keep it left out by the lock file it wrote. What did arrive comes from npm's cache the next time.
 */
async function install(): Promise<string | undefined> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "package.json"), MANIFEST);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--prefer-offline", "--fetch-retries=5"];
  const npm = Bun.spawn(["npm", "install", ...flags], { cwd: FOLDER, stdio: ["ignore", "ignore", "pipe"] });
  const complaint = await new Response(npm.stderr).text();
  if ((await npm.exited) !== 0) return `npm could not fetch them: ${complaint.trim().slice(-300)}`;
  const [path] = missing();
  return path === undefined ? undefined : `npm brought no ${path} for ${PLATFORM}: ${complaint.trim().slice(-300)}`;
}

/** Whose turn it is to install: suites run in processes of their own, and one must not replace what another one runs. */
const TURN = `${FOLDER}.turn`;

/** A process that died in its turn has it no longer. */
function isTaken(): boolean {
  try {
    process.kill(Number(readFileSync(TURN, "utf8")), 0);
    return true;
  } catch {
    return false;
  }
}

async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  mkdirSync(join(FOLDER, ".."), { recursive: true });
  for (;;) {
    try {
      writeFileSync(TURN, String(process.pid), { flag: "wx" });
      break;
    } catch {
      // One that has just taken its turn may not have written who it is.
      await Bun.sleep(500);
      if (!isTaken()) rmSync(TURN, { force: true });
    }
  }
  return await act().finally(() => rmSync(TURN, { force: true }));
}

/** Makes sure that they are installed; returns why they could not be, or undefined. About 1 GB is fetched. */
export function fetchAgents(): Promise<string | undefined> {
  return inTurn(fetchMissing);
}

async function fetchMissing(): Promise<string | undefined> {
  // Written when npm has finished: an install that was cut off, or is of other versions, is done again.
  const stamp = join(FOLDER, "installed.json");
  const done = existsSync(stamp) && readFileSync(stamp, "utf8") === MANIFEST;
  if (done && missing().length === 0) return undefined;
  if (Bun.which("npm") === null || Bun.which("node") === null) return "node and npm are not on PATH";
  let problem: string | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    console.error(`fetching the coding agents from npm, attempt ${attempt} of ${ATTEMPTS} …`);
    problem = await install();
    if (problem === undefined) break;
    console.error(problem);
  }
  if (problem !== undefined) return problem;
  writeFileSync(stamp, MANIFEST);
  return undefined;
}

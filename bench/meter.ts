/** What limits cost: the meter by itself, the gateway with and without, and a directory with a million keys. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NOTHING } from "../src/domain/plans/amounts.ts";
import type { Limit } from "../src/kernel/limit.ts";
import type { Demand } from "../src/ports/meter.ts";
import type { Journal } from "../src/store/journal.ts";
import { MemoryMeter } from "../src/store/memory/meter.ts";
import { sampleRecord } from "../src/store/meter-contract.ts";
import { SqliteJournal } from "../src/store/sqlite/journal.ts";
import type { IdleKeys } from "./idle-keys.ts";
import { runInQuiet } from "./measure.ts";
import type { Options } from "./options.ts";
import { sallyportCommand, sallyportConfig, sallyportEnvironment, sallyportHeaders } from "./peers/sallyport.ts";
import { BUN, CACHE, CORES, freePort, plainEnvironment, ROOT, start } from "./process.ts";
import { markdown, megabytes } from "./report.ts";
import { onSharedStores } from "./shared-stores.ts";
import { median } from "./stats.ts";
import { requestBody, type Target, type Upstream } from "./targets.ts";

const CALLS = 20_000;
const AT_ONCE = 64;
/** In the gateway, accounts are saved after so many calls under load. */
const SWEEP_EVERY = 2_000;

/** Never reached; two of each scope, of every kind. */
const LIMITS: readonly Limit[] = [
  { dimension: "usd", window: "month", amount: 1e15 },
  { dimension: "tokens", window: "minute", amount: 1e12 },
  { dimension: "requests", window: "day", amount: 1e12 },
  { dimension: "requests", window: "second", amount: 1e9 },
  { dimension: "outputTokens", window: "week", amount: 1e12 },
  { dimension: "concurrent", window: null, amount: 1e6 },
];

const SCOPES = ["key:key_1", "application:app_1", "team:team_1", "tenant:ten_1", "subscription:sub_1", "model:small"];

export function demandOf(limited: boolean): Demand {
  const amounts = { ...NOTHING, requests: 1, input: 30, output: 256, usd: 200_000 };
  const limitsOf = (i: number) => (limited ? [LIMITS[i]!, LIMITS[(i + 1) % LIMITS.length]!] : []);
  return {
    scopes: SCOPES.map((scope, i) => ({ scope, zone: "Europe/Berlin", limits: limitsOf(i), amounts })),
    anyOf: [],
  };
}

type Call = () => Promise<void>;

/** Keeps nothing: what a call takes on it is the meter's own. */
function idleJournal(): Journal {
  let seq = 0;
  const journal: Partial<Journal> = {
    lastHold: () => 0,
    mark: () => ({ seq: 0, at: 0 }),
    entries: () => [],
    lastEntry: () => seq,
    unsettled: () => [],
    account: () => undefined,
    saveAccounts() {},
    async open() {},
    async close(_, __, committed) {
      committed(++seq);
    },
  };
  return journal as Journal;
}

interface Variant {
  label: string;
  call: Call;
  sweep(): Promise<void>;
  close(): void;
}

function variants(folder: string): Variant[] {
  const clock = { now: () => Date.now(), ticks: () => performance.now() };
  const journalOf = (name: string) => new SqliteJournal(join(folder, `${name}.db`));
  const bare = journalOf("bare");
  let hold = 0;
  const nothing = () => {};
  const metered = (label: string, journal: Journal & { shut?(): void }, limited: boolean): Variant => {
    const meter = new MemoryMeter(journal, clock);
    const wanted = demandOf(limited);
    const call = async () => {
      const record = sampleRecord();
      const held = await meter.reserve(wanted, record);
      if (!held.admitted) throw new Error("a limit that is never reached was");
      await meter.settle(held.hold, record);
    };
    return { label, call, sweep: () => meter.sweep(), close: () => journal.shut?.() };
  };
  return [
    {
      label: "the journal alone: a Hold and a record",
      async call() {
        // As the meter writes it: a record that was admitted stands in one index more.
        const [number, record] = [++hold, sampleRecord({ admittedAt: clock.now() })];
        await bare.open({ hold: number, at: record.at, draft: record });
        await bare.close(number, record, nothing);
      },
      sweep: async () => {},
      close: () => bare.shut(),
    },
    metered("reserve + settle over six scopes, nothing limited", journalOf("counted"), false),
    metered("reserve + settle over six scopes, two limits each", journalOf("limited"), true),
    metered("the same on a journal that does nothing, nothing limited", idleJournal(), false),
    metered("the same on a journal that does nothing, two limits each", idleJournal(), true),
  ];
}

/** Microseconds of CPU that one call takes, all threads of this process. */
async function cpuOf({ call, sweep }: Variant): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < CALLS; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, call));
    if (done % SWEEP_EVERY < AT_ONCE) await sweep();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

/** In turns, after one round that does not count. */
async function byItself({ rounds }: Options): Promise<string> {
  const folder = join(CACHE, "meter");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const all = variants(folder);
  const measured = all.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, variant] of all.entries()) {
      const micros = await cpuOf(variant);
      if (round > 0) measured[i]!.push(micros);
    }
  }
  for (const variant of all) variant.close();
  const micros = measured.map(median);
  const rows = all.map(({ label }, i) => {
    const above = i === 1 || i === 2 ? (micros[i]! - micros[0]!).toFixed(1) : "–";
    return [label, micros[i]!.toFixed(1), above];
  });
  return `### Reserve and settle, CPU\n\n${markdown(["what", "CPU µs/call", "above the journal, µs"], rows)}`;
}

/** Every scope limited, money and tokens too; or nothing at all. */
export function configurationOf(upstreamPort: number, limited: boolean): object {
  const config = JSON.parse(JSON.stringify(sallyportConfig(upstreamPort))) as {
    plans: { limits: object[] }[];
    models: { limits?: object[] }[];
    providers: { limits?: object[] }[];
    tenants: {
      limits?: object[];
      teams: { limits?: object[]; applications: { limits?: object[]; keys: { limits?: object[] }[] }[] }[];
    }[];
  };
  const limits = limited
    ? [
        { per: "month", usd: 1_000_000 },
        { per: "minute", tokens: 900_000_000 },
        { per: "day", requests: 900_000_000 },
      ]
    : [];
  config.plans[0]!.limits = limited ? [...limits, { concurrent: 100_000 }] : [];
  const [tenant] = config.tenants as [(typeof config.tenants)[number]];
  const [team] = tenant.teams as [(typeof tenant.teams)[number]];
  const [application] = team.applications as [(typeof team.applications)[number]];
  const scopes = [tenant, team, application, ...application.keys, ...config.models, ...config.providers];
  if (limited) for (const scope of scopes) scope.limits = limits;
  return config;
}

async function launch(label: string, limited: boolean, upstream: Upstream): Promise<Target> {
  const port = await freePort();
  const name = limited ? "sallyport-limited" : "sallyport-unlimited";
  const env = sallyportEnvironment(port, await freePort(), upstream.port, name);
  writeFileSync(env.SALLYPORT_CONFIG!, JSON.stringify(configurationOf(upstream.port, limited)));
  const started = await start({ name, argv: sallyportCommand([]), core: CORES.gateway, port, env });
  const route = { port, path: "/v1/chat/completions", headers: sallyportHeaders() };
  return { name: "sallyport", label, route, rewrite: (body) => body, pids: [started.pid], stop: started.stop };
}

async function onTheRoad(upstream: Upstream, { rounds, seconds, connections }: Options): Promise<string> {
  const targets = [
    await launch("nothing limited", false, upstream),
    await launch("every scope limited, in money too", true, upstream),
  ];
  try {
    const body = requestBody("bench", false);
    const load = { mode: "closed", body, connections, warmupMs: 1_500, durationMs: seconds * 1_000 } as const;
    const rates = targets.map((): number[] => []);
    const cpu = targets.map((): number[] => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [i, target] of targets.entries()) {
        const { calls, seconds: took, gatewayCpuMicros, failures, failure } = await runInQuiet(target, upstream, load);
        if (failures > 0) throw new Error(`${target.label}: ${failures} failures, such as ${failure}`);
        console.error(`meter: ${target.label}: ${Math.round(calls / took)}/s`);
        if (round === 0) continue;
        rates[i]!.push(calls / took);
        cpu[i]!.push(gatewayCpuMicros / calls);
      }
    }
    const [without] = rates.map(median) as [number, number];
    const rows = targets.map(({ label }, i) => {
      const rate = median(rates[i]!);
      return [
        label,
        Math.round(rate).toLocaleString("en"),
        `${(rate / without).toFixed(2)} ×`,
        Math.round(median(cpu[i]!)).toString(),
      ];
    });
    return `### A gateway with and without limits\n\n${markdown(["limits", "calls/s", "÷ without", "CPU µs/call"], rows)}`;
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

/** In processes of their own, so that what filled the directory is not weighed. */
async function idleKeys(keys: number): Promise<IdleKeys> {
  const folder = join(CACHE, `keys-${keys}`);
  rmSync(folder, { recursive: true, force: true });
  const script = async (mode: string) => {
    const argv = [...BUN, join(ROOT, "bench/idle-keys.ts"), mode, folder, String(keys)];
    const child = Bun.spawn(argv, { env: plainEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
    const printed = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`${mode} failed`);
    return printed;
  };
  await script("fill");
  const measured = JSON.parse(await script("measure")) as IdleKeys;
  rmSync(folder, { recursive: true, force: true });
  return measured;
}

async function manyKeys(): Promise<string> {
  const [few, many] = [await idleKeys(10_000), await idleKeys(1_000_000)];
  const weight = (many.residentBytes - few.residentBytes) / (many.keys - few.keys);
  const rows = [few, many].map(({ keys, residentBytes, active, waking, accounts }) => [
    keys.toLocaleString("en"),
    megabytes(residentBytes),
    ...[active.p50, active.p99, waking.p50, waking.p99].map((ms) => ms.toFixed(2)),
    accounts.used.toLocaleString("en"),
    accounts.idle.toLocaleString("en"),
  ]);
  const head = [
    "keys",
    "resident MB",
    "active p50 ms",
    "p99 ms",
    "waking p50 ms",
    "p99 ms",
    "accounts in use",
    "when idle",
  ];
  return `### Keys with limits of their own\n\n${markdown(head, rows)}\n\nResident per idle key: ${weight.toFixed(0)} bytes.`;
}

export async function meterTables(upstream: Upstream, options: Options): Promise<string[]> {
  return [
    await byItself(options),
    await onSharedStores(demandOf(true)),
    await manyKeys(),
    await onTheRoad(upstream, options),
  ];
}

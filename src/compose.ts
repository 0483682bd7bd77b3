import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };
import { tokenDigest, tokenVerifier, type VerifyToken } from "./admin/authenticate.ts";
import { OPERATIONS } from "./admin/operations.ts";
import type { CliIo } from "./cli/io.ts";
import { createProbes } from "./cli/probes.ts";
import { welcome } from "./cli/welcome.ts";
import { defaultGateway, type GatewaySection } from "./config/document.ts";
import { type Environment, type PemSource, readEnvironment } from "./config/environment.ts";
import { firstStart, NATIVE_ACCOUNTS } from "./config/first-start.ts";
import { type Config, loadConfig } from "./config/load.ts";
import { formatProblem } from "./config/problem.ts";
import { keyDigest, mintVirtualKey } from "./domain/access/virtual-key.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { Strangers } from "./gateway/strangers.ts";
import { SWEEP_MS } from "./gateway/watch.ts";
import { adminHandler } from "./http/admin-listener.ts";
import { gatewayHandler } from "./http/gateway-listener.ts";
import { keepRunning, type Running, renewTls, watchFiles } from "./http/lifecycle.ts";
import { type Listener, listen, type Tls } from "./http/listener.ts";
import { createLog } from "./http/log.ts";
import { Metrics } from "./http/metrics.ts";
import { parseCidr } from "./kernel/address.ts";
import type { Clock } from "./kernel/clock.ts";
import { pooled, randomText } from "./kernel/id.ts";
import { formatUsd } from "./kernel/money.ts";
import type { Log } from "./ports/log.ts";
import type { UsageRecord } from "./ports/records.ts";
import { providerKeyContext } from "./ports/vault.ts";
import { ADAPTERS } from "./providers/adapters.ts";
import { LOOKALIKES } from "./providers/openai-compatible/index.ts";
import { MemoryMeter } from "./store/memory/meter.ts";
import { PriceList } from "./store/price-list.ts";
import { openDirectory, type SqliteDirectory } from "./store/sqlite/directory.ts";
import { type DataFolder, openDataFolder } from "./store/sqlite/folder.ts";
import { inspectDirectory, inspectLedger, inspectLock } from "./store/sqlite/inspect.ts";
import { SqliteJournal } from "./store/sqlite/journal.ts";
import { Egress } from "./upstream/egress.ts";
import { createUpstream } from "./upstream/send.ts";
import { createSealer, createUnsealer } from "./vault/envelope.ts";
import { fingerprintOf, type Keyring, MASTER_KEY_FILE, MASTER_KEY_SETTING, openKeyring } from "./vault/keyring.ts";

const VERSION = packageJson.version;
const ADMIN_TOKEN_SETTING = "admin-token-digest";
/** When this installation was first started; what a first start makes is made once. */
const STARTED_SETTING = "first-started-at";
const SYSTEM = { kind: "system", id: "start" } as const;

const clock: Clock = { now: () => Date.now(), ticks: () => performance.now() };
const random = pooled((count) => new Uint8Array(randomBytes(count)));
const adapters = new Map(ADAPTERS.map((adapter) => [adapter.kind, adapter]));
const adapter = (kind: string) => adapters.get(kind);
const isTest = (kind: string) => adapter(kind)?.test === true;

/** What an installation keeps in its data folder, opened. */
interface Installation {
  folder: DataFolder;
  directory: SqliteDirectory;
  keyring: Keyring;
  journal: SqliteJournal;
  meter: MemoryMeter;
  /** Key of the virtual keys' digests. */
  pepper: Uint8Array;
}

async function openInstallation(environment: Environment): Promise<Installation> {
  const folder = openDataFolder(environment.dataDir);
  const directory = await openDirectory(folder.file("directory.db"), { clock, random });
  const expected = await directory.setting(MASTER_KEY_SETTING);
  const keyring = openKeyring({ value: environment.masterKey, file: folder.file(MASTER_KEY_FILE), expected, random });
  if (expected === undefined) await directory.setSetting(MASTER_KEY_SETTING, keyring.fingerprint);
  const journal = new SqliteJournal(folder.file("ledger.db"));
  const meter = new MemoryMeter(journal, clock);
  return { folder, directory, keyring, journal, meter, pepper: keyring.derive("virtual keys") };
}

/** The `gateway` section in force, and what a first start has made. */
interface Applied {
  gateway: GatewaySection;
  /** Provider accounts that were made from the environment, on a first start without a file. */
  providers: string[];
  /** Shown once: a key for the demo model. */
  key: string | null;
}

/** Brings the directory to what the configuration file says or, at the very first start without one, to what a newcomer needs. */
async function applyConfiguration(
  installation: Installation,
  config: Config | undefined,
  world: World,
): Promise<Applied> {
  const { directory, keyring, pepper } = installation;
  const sealer = createSealer(keyring.master.reveal(), random);
  const sealing = { sealer, digest: (key: string) => keyDigest(pepper, key) };
  if (config !== undefined) {
    const action = { action: "config.apply", subject: config.file, tenantId: null, detail: {} };
    await directory.change(SYSTEM, action, (writer) => writer.apply(config.desired(sealing)));
    await rememberStart(directory);
    return { gateway: config.gateway, providers: [], key: null };
  }
  const gateway = defaultGateway();
  if ((await directory.setting(STARTED_SETTING)) !== undefined) return { gateway, providers: [], key: null };
  const key = mintVirtualKey("live", random);
  const accounts = [...NATIVE_ACCOUNTS, ...LOOKALIKES];
  const first = firstStart({ env: world.env, kinds: ADAPTERS, accounts, sealer });
  for (const problem of first.problems) world.stderr(`sallyport serve: ${formatProblem(problem)}\n`);
  await directory.change(
    SYSTEM,
    { action: "first-start", subject: "installation", tenantId: null, detail: {} },
    (writer) => writer.apply(first.desired),
  );
  const application = (await directory.applications())[0]!;
  const row = {
    id: key.publicId,
    tenantId: application.tenant.id,
    applicationId: application.id,
    name: "first key",
    mode: key.mode,
    createdAt: clock.now(),
    expiresAt: null,
    revokedAt: null,
    allowFrom: [],
  };
  const action = { action: "key.create", subject: `key:${key.publicId}`, tenantId: application.tenant.id, detail: {} };
  await directory.change(SYSTEM, action, (writer) => writer.createKey(row, sealing.digest(key.text)));
  await rememberStart(directory);
  return { gateway, providers: first.providers, key: key.text };
}

async function rememberStart(directory: SqliteDirectory): Promise<void> {
  if ((await directory.setting(STARTED_SETTING)) === undefined) {
    await directory.setSetting(STARTED_SETTING, new Date(clock.now()).toISOString());
  }
}

/** The bootstrap administrator's token: the operator's, or one that is made and told once. */
async function adminToken(
  installation: Installation,
  environment: Environment,
): Promise<{ verify: VerifyToken; told: string | null }> {
  const { directory, keyring } = installation;
  const pepper = keyring.derive("admin token");
  if (environment.adminToken !== undefined) {
    return { verify: tokenVerifier(pepper, tokenDigest(pepper, environment.adminToken.reveal())), told: null };
  }
  const known = await directory.setting(ADMIN_TOKEN_SETTING);
  if (known !== undefined) return { verify: tokenVerifier(pepper, known), told: null };
  const token = `spa_${randomText(random, 40)}`;
  const digest = tokenDigest(pepper, token);
  await directory.setSetting(ADMIN_TOKEN_SETTING, digest);
  return { verify: tokenVerifier(pepper, digest), told: token };
}

/** What the process is given by whoever runs it. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether stdout is a terminal. */
  terminal: boolean;
  readFile(path: string): string;
}

/** Starts everything. @throws ConfigurationError, DataFolderError, MasterKeyError before anything listens. */
export async function startGateway(world: World): Promise<Running> {
  const environment = readEnvironment(world.env, world.readFile);
  const { env, readFile } = world;
  const config =
    environment.configFile === undefined
      ? undefined
      : loadConfig(environment.configFile, { env, readFile, kinds: ADAPTERS });
  const log = createLog(
    { format: environment.log ?? (world.terminal ? "pretty" : "json"), level: environment.logLevel },
    clock,
    world.stdout,
  );
  const installation = await openInstallation(environment);
  const applied = await applyConfiguration(installation, config, world);
  const recovered = await installation.meter.recover();
  if (recovered.length > 0) {
    log.write("warn", "Holds that were open when the process last ended have been charged as reserved", {
      count: recovered.length,
    });
  }
  const token = await adminToken(installation, environment);
  const running = serve(installation, environment, applied.gateway, token.verify, log);
  if (token.told !== null || applied.key !== null) {
    const { gatewayUrl, adminUrl } = running;
    world.stdout(
      welcome({
        gatewayUrl,
        adminUrl,
        adminToken: token.told,
        key: applied.key,
        model: "demo",
        providers: applied.providers,
      }),
    );
  }
  log.write("info", "ready", { listen: running.gatewayUrl, version: VERSION });
  return running;
}

interface Served extends Running {
  gatewayUrl: string;
  adminUrl: string;
}

/** Opens both listeners on an opened installation. */
function serve(
  installation: Installation,
  environment: Environment,
  settings: GatewaySection,
  verifyToken: VerifyToken,
  log: Log & { flush(): void },
): Served {
  const { directory, journal, meter, pepper, keyring } = installation;
  const startedAt = clock.now();
  const gateway = composeGateway(installation, environment, settings, log, (record) => metrics.observe(record));
  const ready = () => (gateway.draining ? { ready: false, reason: "draining" } : { ready: true });
  const metrics = new Metrics(
    {
      openCalls: () => gateway.openCalls,
      openHolds: () => meter.openHolds,
      bodyBytes: () => gateway.bodyBytes,
      ready: () => ready().ready,
      residentBytes: () => process.memoryUsage.rss(),
    },
    VERSION,
  );
  const answerAdmin = adminHandler({
    admin: {
      administration: directory,
      directory,
      records: journal,
      clock,
      random,
      log,
      keyPepper: pepper,
      idempotencyPepper: keyring.derive("idempotency"),
      version: VERSION,
      startedAt,
      verifyToken,
      badTokens: new Strangers(clock, settings.badCredentialsPerMinute),
      operations: OPERATIONS,
    },
    hostname: environment.adminListen.host,
    health: { ready },
    metrics: { contentType: metrics.contentType, text: () => metrics.text() },
  });
  const tls = environment.tls === undefined ? undefined : readTls(environment.tls);
  const main = listen({ ...at(environment.listen), tls, answer: gatewayHandler({ handle: gateway.handle, ready }) });
  const admin = listen({
    ...at(environment.adminListen),
    tls,
    answer: (request, address) => answerAdmin(request, { address }),
  });
  const unwatch = watchTls(environment, [main, admin], log);
  const running = keepRunning({
    listeners: [
      { name: "gateway", listener: main },
      { name: "admin", listener: admin },
    ],
    openCalls: () => gateway.openCalls,
    drain: () => gateway.drain(),
    abortAll: () => gateway.abortAll(),
    sweep: () => gateway.sweep(),
    sweepMs: SWEEP_MS,
    drainMs: settings.drainMs,
    log,
    async close() {
      unwatch();
      journal.shut();
      await directory.close();
      installation.folder.release();
      log.flush();
    },
  });
  return { ...running, gatewayUrl: main.url, adminUrl: admin.url };
}

function composeGateway(
  installation: Installation,
  environment: Environment,
  settings: GatewaySection,
  log: Log,
  observe: (record: UsageRecord) => void,
): Gateway {
  const { directory, journal, meter, pepper, keyring } = installation;
  return createGateway(
    {
      directory,
      meter,
      records: journal,
      prices: new PriceList(isTest),
      upstream: createUpstream(new Egress(clock)),
      unsealer: createUnsealer(keyring.master.reveal()),
      log,
      clock,
      random,
      draw: Math.random,
      digest: (credential) => keyDigest(pepper, credential),
      adapter,
      onRecord(record) {
        observe(record);
        log.write("info", "call", logFields(record));
      },
    },
    { ...settings, trustedProxies: environment.trustedProxies.map(parseCidr).filter((block) => block !== undefined) },
  );
}

/** One line a call: who, what, how it ended. Nothing of what was said. */
function logFields(record: UsageRecord) {
  const { requestId, status, outcome, endpoint, address, inputTokens, outputTokens, queueMs, totalMs } = record;
  return {
    call: record.id,
    ...(requestId === record.id ? {} : { request: requestId }),
    status,
    outcome,
    ...(record.errorCode === null ? {} : { code: record.errorCode }),
    endpoint,
    address,
    ...(record.tenantId === null
      ? {}
      : { tenant: record.tenantId, application: record.applicationId!, key: record.keyId! }),
    ...(record.api === null ? {} : { api: record.api }),
    ...(record.model === null ? {} : { model: record.model }),
    ...(record.provider === null ? {} : { provider: `${record.provider}/${record.providerModel}` }),
    attempts: record.attempts.length,
    inputTokens,
    outputTokens,
    costUsd: formatUsd(record.costNanoUsd),
    queueMs,
    ...(record.firstByteMs === null ? {} : { firstByteMs: record.firstByteMs }),
    totalMs,
  };
}

function at({ host, port }: Environment["listen"]) {
  return { hostname: host, port };
}

function readTls({ cert, key }: NonNullable<Environment["tls"]>): Tls {
  return { cert: readPem(cert), key: readPem(key) };
}

function readPem(source: PemSource): string {
  return "file" in source ? readFileSync(source.file, "utf8") : source.text.reveal();
}

/** Serves the new certificate when its files change. */
function watchTls({ tls }: Environment, listeners: readonly Listener[], log: Log): () => void {
  const files =
    tls === undefined ? [] : [tls.cert, tls.key].flatMap((source) => ("file" in source ? [source.file] : []));
  if (tls === undefined || files.length === 0) return () => {};
  return watchFiles(files, () => renewTls(listeners, () => readTls(tls), log));
}

/** The command line's view of this machine. */
export function composeCli(world: World, serveUntilStopped: () => Promise<number>): CliIo {
  const { env, stdout, stderr, readFile } = world;
  return {
    env,
    stdout,
    stderr,
    readFile,
    fetch: (url, init) => fetch(url, init),
    serve: serveUntilStopped,
    probes: createProbes({
      clock,
      bun: { running: Bun.version, pinned: packageJson.optionalDependencies["@oven/bun-linux-x64"] },
      masterKeyFile: MASTER_KEY_FILE,
      inspectDirectory,
      inspectLedger,
      inspectLock,
      opens(master, provider) {
        try {
          createUnsealer(master.reveal()).open(provider.sealedKey ?? "", providerKeyContext(provider));
          return true;
        } catch {
          return false;
        }
      },
      masterKeySetting: MASTER_KEY_SETTING,
      fingerprint: fingerprintOf,
      env,
      readFile,
      kinds: ADAPTERS,
      upstream: createUpstream(new Egress(clock)),
    }),
    version: { sallyport: VERSION, bun: Bun.version },
    colour: world.terminal,
  };
}

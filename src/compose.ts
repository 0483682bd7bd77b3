/** Picks the implementations of a gateway, and starts it. What it keeps is opened in compose-installation.ts; what commands need is picked in compose-cli.ts. */
import { randomBytes } from "node:crypto";
import packageJson from "../package.json" with { type: "json" };
import type { VerifyToken } from "./admin/authenticate.ts";
import {
  type BootstrapToken,
  bootstrapToken,
  isFirstStart,
  makeFirstThings,
  rememberStart,
  SYSTEM,
} from "./admin/first-start.ts";
import { OPERATIONS } from "./admin/operations.ts";
import { lookAtCertificate } from "./cli/certificate-probe.ts";
import { listenProblem } from "./cli/listen-problem.ts";
import { welcome } from "./cli/welcome.ts";
import { type Installation, withInstallation } from "./compose-installation.ts";
import { defaultGateway, type GatewaySection } from "./config/document.ts";
import { type Environment, readEnvironment } from "./config/environment.ts";
import { firstStart, NATIVE_ACCOUNTS } from "./config/first-start.ts";
import { type Config, loadConfig } from "./config/load.ts";
import type { ListenAddress } from "./config/network.ts";
import { ConfigurationError, formatProblem } from "./config/problem.ts";
import { tellChanges, tellUnread, tellWarnings } from "./config/tell.ts";
import { keyDigest } from "./domain/access/virtual-key.ts";
import type { Catalog } from "./domain/catalog/catalog.ts";
import { Strangers } from "./gateway/arrival/strangers.ts";
import { SWEEP_MS } from "./gateway/arrival/watch.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { type AdminHandler, adminHandler } from "./http/admin-listener.ts";
import { callFields } from "./http/call-log.ts";
import { readTls, watchCertificate } from "./http/certificate.ts";
import { eventFields } from "./http/event-log.ts";
import { gatewayHandler } from "./http/gateway-listener.ts";
import { keepRunning, type Running } from "./http/lifecycle.ts";
import { type Listener, type ListenerOptions, listen, type Tls } from "./http/listener.ts";
import { createLog } from "./http/log.ts";
import { Metrics } from "./http/metrics.ts";
import { Readiness } from "./http/readiness.ts";
import { AccountThresholds } from "./jobs/account-thresholds.ts";
import { ExpiredResponses } from "./jobs/expired-responses.ts";
import { HealthChecks } from "./jobs/health-checks.ts";
import { parseCidr } from "./kernel/address.ts";
import type { Clock } from "./kernel/clock.ts";
import { pooled } from "./kernel/id.ts";
import type { Limit } from "./kernel/limit.ts";
import type { Log } from "./ports/log.ts";
import type { Level } from "./ports/meter.ts";
import type { Upstream } from "./ports/upstream.ts";
import { ADAPTERS } from "./providers/adapters.ts";
import { LOOKALIKES } from "./providers/openai-compatible/index.ts";
import { retryRecords } from "./store/open.ts";
import { PriceList } from "./store/price-list.ts";
import { Vocabularies } from "./store/vocabularies.ts";
import { Egress } from "./upstream/egress.ts";
import { createMedia } from "./upstream/media.ts";
import { createUpstream } from "./upstream/send.ts";
import { createUnsealer } from "./vault/envelope.ts";

const VERSION = packageJson.version;

const clock: Clock = { now: () => Date.now(), ticks: () => performance.now() };
const random = pooled((count) => new Uint8Array(randomBytes(count)));
const adapters = new Map(ADAPTERS.map((adapter) => [adapter.kind, adapter]));
const adapter = (kind: string) => adapters.get(kind);
const isTest = (kind: string) => adapter(kind)?.test === true;

/** What the process is given by whoever runs it. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  /** False where nobody could take the text. */
  stdout(text: string): boolean;
  stderr(text: string): boolean;
  /** Whether stdout is a terminal. */
  terminal: boolean;
  readFile(path: string): string;
}

/** Starts everything. @throws ConfigurationError, DataFolderError, MasterKeyError before anything is served. */
export async function startGateway(world: World, { json }: { json: boolean }): Promise<Running> {
  const environment = readEnvironment(world.env, world.readFile);
  const { env, readFile } = world;
  const config =
    environment.configFile === undefined
      ? undefined
      : loadConfig(environment.configFile, { env, readFile, kinds: ADAPTERS });
  const format = json ? "json" : (environment.log ?? (world.terminal ? "pretty" : "json"));
  const log = createLog({ format, level: environment.logLevel }, clock, world.stdout);
  if (config !== undefined) tellWarnings(config.warnings, log);
  const served = await withInstallation(environment, { clock, random, log }, (installation) =>
    startOn(installation, { environment, config, world, json, log }),
  );
  // Not sooner: before this returns a SIGTERM ends the process at once, whatever calls it has taken.
  log.write("info", "ready", { listen: served.gatewayUrl, version: VERSION, totalMs: Math.round(performance.now()) });
  return served;
}

/** Brings the directory to what the configuration file says. @returns the file's settings of the gateway. */
async function applyConfiguration(installation: Installation, config: Config, log: Log): Promise<GatewaySection> {
  const { directory, sealing } = installation;
  const action = { action: "config.apply", subject: config.file, tenantId: null, detail: {} };
  const changes = await directory.change(SYSTEM, action, (writer) => writer.apply(config.desired(sealing())));
  tellChanges(changes, config.file, log);
  return config.gateway;
}

interface Start {
  environment: Environment;
  config: Config | undefined;
  world: World;
  json: boolean;
  log: Log & { flush(): void };
}

async function startOn(installation: Installation, start: Start): Promise<Served> {
  const { environment, config, world, json, log } = start;
  const settings = config === undefined ? defaultGateway() : await applyConfiguration(installation, config, log);
  const recovered = await installation.books.meter.recover();
  if (recovered.length > 0) {
    log.write("warn", "Holds that were open when the process last ended have been charged as reserved", {
      count: recovered.length,
    });
  }
  const { directory, keyring } = installation;
  const token = await bootstrapToken(directory, keyring.derive("admin token"), environment.adminToken, random);
  const served = await serve({ installation, environment, settings, log }, token.verify);
  await tellOnce({ installation, served, token, config, world, json, log });
  served.started();
  log.write("info", "the gateway listens", { listen: served.gatewayUrl });
  log.write("info", "the admin plane listens", { listen: served.adminUrl });
  return served;
}

/**
 * Makes and prints what a first start makes, and only then remembers that it has: whoever
 * could not see it, because the start failed or was broken off, sees it at the next.
 */
async function tellOnce(start: {
  installation: Installation;
  served: Served;
  token: BootstrapToken;
  config: Config | undefined;
  world: World;
  json: boolean;
  log: Log;
}): Promise<void> {
  const { installation, token, world, json, log } = start;
  const { gatewayUrl, adminUrl } = start.served;
  const { directory } = installation;
  const first = await isFirstStart(directory);
  let key: string | null = null;
  let providers: string[] = [];
  if (first && start.config === undefined) {
    const { sealer, digest } = installation.sealing();
    const accounts = [...NATIVE_ACCOUNTS, ...LOOKALIKES];
    const made = firstStart({ env: world.env, kinds: ADAPTERS, accounts, sealer });
    for (const problem of made.problems) world.stderr(`sallyport serve: ${formatProblem(problem)}\n`);
    key = await makeFirstThings(directory, made.desired, digest, { clock, random });
    providers = made.providers;
  } else if (start.config === undefined) {
    tellUnread(world.env, [...NATIVE_ACCOUNTS, ...LOOKALIKES], directory.catalog(), log);
  }
  if (token.made !== null || key !== null) {
    const facts = { gatewayUrl, adminUrl, adminToken: token.made?.text ?? null, key, model: "demo", providers };
    world.stdout(json ? `${JSON.stringify({ firstStart: facts })}\n` : welcome(facts));
  }
  await token.made?.keep();
  if (first) await rememberStart(directory, clock);
}

interface Served extends Running {
  gatewayUrl: string;
  adminUrl: string;
  /** From now on it is ready. */
  started(): void;
}

/** What both planes are composed of. */
interface House {
  installation: Installation;
  environment: Environment;
  settings: GatewaySection;
  log: Log & { flush(): void };
}

/** Opens both listeners on an opened installation. */
async function serve(house: House, verifyToken: VerifyToken): Promise<Served> {
  const { installation, environment, settings, log } = house;
  const { meter } = installation.books;
  const upstream = createUpstream(new Egress(clock), clock);
  const gateway = composeGateway(house, upstream, {
    observe: (record) => metrics.observe(record),
    raised: (event) => metrics.raised(event),
  });
  const lookAtAccounts = composeAccountJobs(installation, gateway, upstream);
  const expired = new ExpiredResponses({ objects: installation.directory.objects, clock, log });
  const readiness = new Readiness(gateway, meter, installation.directory);
  const ready = () => readiness.now();
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
  const answerAdmin = composeAdmin(house, { verifyToken, ready, metrics, trial: gateway.trial });
  const tls = openTls(environment);
  const main = await open("SALLYPORT_LISTEN", environment.listen, {
    tls,
    answer: gatewayHandler({ handle: gateway.handle, ready }),
  });
  const admin = await open("SALLYPORT_ADMIN_LISTEN", environment.adminListen, {
    tls,
    answer: (request, address) => answerAdmin(request, { address }),
  });
  const unwatch =
    environment.tls === undefined || tls === undefined
      ? () => {}
      : watchCertificate(environment.tls, tls, [main, admin], log);
  const running = keepRunning({
    listeners: [main, admin],
    openCalls: () => gateway.openCalls,
    unready: () => readiness.stopping(),
    drainDelayMs: settings.drainDelayMs,
    drain: () => gateway.drain(),
    abortAll: () => gateway.abortAll(),
    sweep() {
      gateway.sweep();
      lookAtAccounts();
      void expired.sweep();
      void retryRecords(meter, log);
      void meter.sweep();
    },
    sweepMs: SWEEP_MS,
    drainMs: settings.drainMs,
    log,
    async close() {
      unwatch();
      await installation.close();
    },
  });
  return { ...running, gatewayUrl: main.url, adminUrl: admin.url, started: () => readiness.started() };
}

/** What is looked at of provider accounts beside the calls. @returns to be called at every sweep */
function composeAccountJobs({ directory, books }: Installation, gateway: Gateway, upstream: Upstream): () => void {
  const catalog = () => directory.catalog();
  const checked = (account: string, good: boolean) => gateway.checked(account, good);
  const checks = new HealthChecks({ catalog, upstream, clock, checked });
  const standing = (levels: readonly Level[]) => gateway.standing(levels);
  const thresholds = new AccountThresholds({ catalog, meter: books.meter, clock, standing });
  return () => {
    checks.sweep();
    void thresholds.sweep();
  };
}

interface AdminParts {
  verifyToken: VerifyToken;
  ready(): { ready: boolean; reason?: string };
  metrics: Metrics;
  trial: Gateway["trial"];
}

function composeAdmin({ installation, environment, settings, log }: House, parts: AdminParts): AdminHandler {
  const { directory, books, pepper, keyring } = installation;
  const { verifyToken, ready, metrics, trial } = parts;
  return adminHandler({
    admin: {
      administration: directory,
      directory,
      trial,
      records: books.records,
      events: books.events,
      meter: books.meter,
      ledger: {
        admitted: (since, until) => books.records.admitted(since, until),
        recount: (mend) => books.meter.recount(mend),
      },
      clock,
      random,
      log,
      keyPepper: pepper,
      idempotencyPepper: keyring.derive("idempotency"),
      version: VERSION,
      startedAt: clock.now(),
      verifyToken,
      badTokens: new Strangers(clock, settings.badCredentialsPerMinute),
      operations: OPERATIONS,
    },
    hostname: environment.adminListen.host,
    health: { ready },
    metrics: { contentType: metrics.contentType, text: () => metrics.text() },
  });
}

function composeGateway(
  { installation, environment, settings, log }: House,
  upstream: Upstream,
  metrics: Pick<Metrics, "observe" | "raised">,
): Gateway {
  const { directory, books, pepper, keyring } = installation;
  return createGateway(
    {
      directory,
      meter: books.meter,
      records: books.records,
      prices: new PriceList(isTest),
      tokenizer: vocabularies(directory.catalog(), log),
      objects: directory.objects,
      upstream,
      // Apart from the accounts' addresses: strangers choose these.
      media: createMedia(new Egress(clock)),
      unsealer: createUnsealer(keyring.master.reveal()),
      log,
      clock,
      random,
      draw: Math.random,
      digest: (credential) => keyDigest(pepper, credential),
      adapter,
      events: books.events,
      onEvent(event) {
        metrics.raised(event);
        log.write("warn", "a quota or budget has reached a threshold", eventFields(event));
      },
      onRecord(record, kept, reason) {
        metrics.observe(record);
        if (kept) log.write("info", "call", callFields(record, reason));
      },
    },
    { ...settings, trustedProxies: environment.trustedProxies.map(parseCidr).filter((block) => block !== undefined) },
  );
}

/**
 * Counts tokens. Where something that everybody shares is limited in tokens or money, the usual vocabulary is
 * read at once, beside the rest of the start; else when the first call asks for it, which waits a tenth of a second.
 */
function vocabularies({ plans, models, patterns, providers }: Catalog, log: Log): Vocabularies {
  const made = new Vocabularies((cause) =>
    log.write("error", "a tokenizer's vocabulary cannot be read; prompts count a token a byte", {
      detail: String(cause),
    }),
  );
  const limited = [...plans.values(), ...models.values(), ...patterns, ...providers.values()];
  const counts = ({ dimension }: Limit) => dimension !== "requests" && dimension !== "concurrent";
  if (limited.some(({ limits = [] }) => limits.some(counts))) void made.load("o200k");
  return made;
}

/** The certificate, where the gateway serves TLS. @throws ConfigurationError where it cannot be served. */
function openTls({ tls }: Environment): Tls | undefined {
  if (tls === undefined) return undefined;
  const { fault } = lookAtCertificate(tls.cert, tls.key);
  if (fault !== null) throw new ConfigurationError([{ where: "SALLYPORT_TLS_CERT", message: fault }]);
  return readTls(tls);
}

/** Listens, or says what is in the way. @throws ConfigurationError */
async function open(
  variable: string,
  address: ListenAddress,
  options: Pick<ListenerOptions, "tls" | "answer">,
): Promise<Listener> {
  try {
    return listen({ hostname: address.host, port: address.port, ...options });
  } catch (cause) {
    throw new ConfigurationError([await listenProblem(variable, address, cause, options.tls !== undefined)]);
  }
}

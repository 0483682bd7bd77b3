import { GatewayError } from "../errors.ts";
import type { Cidr } from "../kernel/address.ts";
import type { Clock } from "../kernel/clock.ts";
import type { RandomBytes } from "../kernel/id.ts";
import type { Directory } from "../ports/directory.ts";
import type { Event, Events } from "../ports/events.ts";
import type { Log } from "../ports/log.ts";
import type { Media } from "../ports/media.ts";
import type { Level, Meter, MeterTime, MeterView } from "../ports/meter.ts";
import type { Prices } from "../ports/prices.ts";
import type { ProviderObjects } from "../ports/provider-objects.ts";
import type { Records, UsageRecord } from "../ports/records.ts";
import type { Tokenizer } from "../ports/tokenizer.ts";
import type { Trial } from "../ports/trial.ts";
import type { Upstream } from "../ports/upstream.ts";
import type { Unsealer } from "../ports/vault.ts";
import type { ProviderAdapter } from "../spec/adapter.ts";
import { createAccept } from "./accept.ts";
import { createListModels } from "./answering/list-models.ts";
import type { BodyLedger } from "./arrival/body.ts";
import { Strangers } from "./arrival/strangers.ts";
import { Watch } from "./arrival/watch.ts";
import { createOpenKey } from "./asking/account-key.ts";
import { HealthBook } from "./asking/health.ts";
import { createWithBytes } from "./asking/remote-media.ts";
import { createTrial } from "./asking/trial.ts";
import { createAuthorize } from "./authorize.ts";
import { createBegin } from "./begin.ts";
import type { Arrival } from "./call.ts";
import { createDecode } from "./decode.ts";
import { createDispatch } from "./dispatch.ts";
import { createGuardInput } from "./guard-input.ts";
import { createGuardOutput } from "./guard-output.ts";
import { createHandle } from "./handle.ts";
import { createIdentify } from "./identify.ts";
import { createLocate } from "./locate.ts";
import { Thresholds } from "./metering/thresholds.ts";
import { createListObjects } from "./objects/list-objects.ts";
import { createRefuse } from "./refuse.ts";
import { createReserve } from "./reserve.ts";
import { createRespond } from "./respond.ts";
import { createRoute } from "./route.ts";
import { createSettle } from "./settle.ts";

export interface GatewayPorts {
  directory: Directory;
  meter: Meter & MeterTime & Pick<MeterView, "usage">;
  records: Pick<Records, "append" | "find">;
  prices: Prices;
  tokenizer: Tokenizer;
  objects: ProviderObjects;
  upstream: Upstream;
  media: Media;
  unsealer: Unsealer;
  log: Log;
  clock: Clock;
  random: RandomBytes;
  /** From 0 inclusive to 1 exclusive; draws among weighted targets. */
  draw: () => number;
  /** HMAC of a credential, as the store keeps it. */
  digest(credential: string): string;
  adapter(kind: string): ProviderAdapter | undefined;
  events: Pick<Events, "raise">;
  /** Told of what was raised here, and by nobody before. */
  onEvent(event: Event): void;
  /** Told of every call that is over, whether its record is kept or only counted, and why it failed where its code does not say it. */
  onRecord(record: UsageRecord, kept: boolean, reason?: string): void;
}

/** Times in milliseconds, sizes in bytes. */
export interface GatewaySettings {
  trustedProxies: readonly Cidr[];
  maxBodyBytes: number;
  maxOpenCalls: number;
  badCredentialsPerMinute: number;
  deadlines: {
    bodyMs: number;
    firstByteMs: number;
    unaryMs: number;
    idleMs: number;
    totalMs: number;
    readerMs: number;
  };
}

/** Bodies in memory at once, as a multiple of the largest single one. */
const BODIES_IN_FLIGHT = 64;

/** The data plane, ready to take requests. */
export interface Gateway {
  handle(arrival: Arrival): Promise<Response>;
  readonly openCalls: number;
  readonly bodyBytes: number;
  readonly draining: boolean;
  /** Aborts what is overdue; to be called every SWEEP_MS. */
  sweep(): void;
  /** Asks a model of an account whether it answers; for administrators. */
  trial: Trial;
  /** What an active check has found out about an account. */
  checked(account: string, good: boolean): void;
  /** How limits of provider accounts stand, which a reserve tells only where it was refused. */
  standing(levels: readonly Level[]): void;
  /** From now on new calls are refused. */
  drain(): void;
  /** Ends the calls that are still open, telling their callers why. */
  abortAll(): void;
}

export function createGateway(ports: GatewayPorts, settings: GatewaySettings): Gateway {
  const { clock, directory, log, onRecord, prices, tokenizer, meter } = ports;
  const { deadlines } = settings;
  const watch = new Watch(clock);
  const body = { maxBodyBytes: settings.maxBodyBytes, bodyMs: deadlines.bodyMs };
  const bodies: BodyLedger = { bytes: 0, max: settings.maxBodyBytes * BODIES_IN_FLIGHT };
  const strangers = new Strangers(clock, settings.badCredentialsPerMinute);
  const health = new HealthBook();
  const thresholds = new Thresholds(ports);
  const openKey = createOpenKey(ports.unsealer);
  const withBytes = createWithBytes(ports.media, bodies);
  let draining = false;
  const catalog = () => directory.catalog();

  const handle = createHandle({
    begin: createBegin(clock, ports.random, watch, deadlines.totalMs),
    accept: createAccept(
      {
        trustedProxies: settings.trustedProxies,
        maxOpenCalls: settings.maxOpenCalls,
        maxBodyBytesInFlight: bodies.max,
      },
      () => ({ draining, openCalls: watch.open, bodyBytes: bodies.bytes }),
    ),
    identify: createIdentify({
      findPrincipal: (digest) => directory.findPrincipal(digest),
      digest: ports.digest,
      strangers,
      now: () => clock.now(),
    }),
    listModels: createListModels({ catalog, adapter: ports.adapter, records: ports.records, onRecord }),
    listObjects: createListObjects({ catalog, objects: ports.objects, records: ports.records, onRecord }),
    decode: createDecode(body, bodies),
    locate: createLocate(ports.objects),
    authorize: createAuthorize(catalog, ports.adapter),
    reserve: createReserve({ meter, prices, tokenizer, adapter: ports.adapter, thresholds }),
    settle: createSettle({ meter, prices, tokenizer, adapter: ports.adapter, log, onRecord }),
    guardInput: createGuardInput({ meter, prices, tokenizer, adapter: ports.adapter, thresholds }),
    route: createRoute({ health, prices, draw: ports.draw }),
    dispatch: createDispatch({ ...ports, openKey, thresholds, withBytes }, deadlines),
    guardOutput: createGuardOutput(),
    respond: createRespond({ readerMs: deadlines.readerMs }),
    refuse: createRefuse({ records: ports.records, log, onRecord, strangers }, body),
  });

  return {
    handle,
    get openCalls() {
      return watch.open;
    },
    get bodyBytes() {
      return bodies.bytes;
    },
    get draining() {
      return draining;
    },
    sweep: () => watch.sweep(),
    trial: createTrial({ ...ports, openKey }),
    checked: (account, good) => health.checked(account, clock.ticks(), good),
    standing: (levels) => thresholds.observe(levels, null),
    drain() {
      draining = true;
    },
    abortAll: () =>
      watch.each((call) =>
        call.abort(new GatewayError("draining", "The gateway is shutting down; call again in a moment.")),
      ),
  };
}

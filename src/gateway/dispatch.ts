/**
 * Promise: events of the first target that answers, each counted as it arrives. Targets are
 * asked one after another until one has said something that the caller could see; from then
 * on there is no other. The only stage that opens a provider's key.
 */
import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import { GatewayError } from "../errors.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Attempt } from "../ports/records.ts";
import type { Upstream } from "../ports/upstream.ts";
import { providerKeyContext, type Unsealer } from "../ports/vault.ts";
import type { ProviderAdapter } from "../spec/adapter.ts";
import type { EventBatch } from "../spec/event.ts";
import { type AskSettings, ask } from "./ask.ts";
import { begun, type EventStream } from "./begun.ts";
import type { Call } from "./call.ts";
import type { CleanRequest } from "./guard-input.ts";
import type { Asked } from "./reserve.ts";
import type { Routed } from "./route.ts";
import { Tally } from "./tally.ts";
import type { Target } from "./target.ts";
import { mayFallBack, toCallError } from "./upstream-error.ts";
import { withKey } from "./with-key.ts";

/** An answer whose events are counted as they are read. `guardOutput` takes nothing else, so nothing is guarded before it is counted. */
class Ticket {
  protected readonly madeBy = "dispatch";
  readonly call: Call;
  readonly clean: CleanRequest;
  readonly target: Target;
  readonly events: EventStream;

  constructor(clean: CleanRequest, target: Target, events: EventStream) {
    this.call = clean.call;
    this.clean = clean;
    this.target = target;
    this.events = events;
  }
}

export type Answer = Ticket;

export interface DispatchPorts {
  upstream: Upstream;
  unsealer: Unsealer;
  adapter(kind: string): ProviderAdapter | undefined;
}

export function createDispatch(ports: DispatchPorts, settings: AskSettings) {
  return async function dispatch(routed: Routed): Promise<Answer> {
    const { call, clean, targets } = routed;
    call.observed.dispatchedTicks = call.ticks();
    let last: GatewayError | undefined;
    for (const target of targets) {
      const attempt: Attempt = {
        provider: target.account.name,
        model: target.model,
        status: null,
        error: null,
        ms: 0,
      };
      call.observed.attempts.push(attempt);
      const started = call.ticks();
      const asked: Asked = { target, tally: new Tally(clean.request, clean.hold.grant.api.capture), owed: false };
      clean.hold.asked.push(asked);
      try {
        const events = await begun(await open(clean, asked, attempt, ports, settings));
        call.answering();
        call.observed.firstByteTicks = call.ticks();
        attempt.ms = call.ticks() - started;
        return new Ticket(clean, target, events);
      } catch (thrown) {
        last = toCallError(thrown);
        attempt.error = last.code;
        attempt.ms = call.ticks() - started;
        if (call.aborted !== undefined || !mayFallBack(last)) throw last;
      }
    }
    throw last ?? failed("no target was asked");
  };
}

/** The events of one target: made here, or asked for with its opened key. */
async function open(
  clean: CleanRequest,
  asked: Asked,
  attempt: Attempt,
  ports: DispatchPorts,
  settings: AskSettings,
): Promise<AsyncGenerator<EventBatch>> {
  const { call, request } = clean;
  const { target } = asked;
  const { account } = target;
  const kind = ports.adapter(account.kind);
  if (kind === undefined) throw failed(`no adapter for kind ${account.kind}`);
  const adapter = kind.variant?.(request, target.model, account.options) ?? kind;
  if (adapter.local !== undefined) return canned(adapter.local(request, target.model), asked);
  const { path, headers, body, warnings } = adapter.encode(request, target.model, account.options);
  for (const warning of warnings) call.observed.warnings.push(`${warning.field}: ${warning.message}`);
  const key = keyOf(account, ports.unsealer);
  const upstreamCall = {
    baseUrl: account.baseUrl ?? adapter.baseUrl ?? "",
    path,
    ...withKey(adapter, account.options, key, headers),
    body: JSON.stringify(body),
    allowPrivateNetwork: account.allowPrivateNetwork,
    signal: call.attempt(),
  };
  const decoder = adapter.decoder(request);
  return ask(
    { call, asked, adapter, decoder, stream: request.stream, key, upstreamCall, attempt },
    ports.upstream,
    settings,
  );
}

const opened = new WeakMap<ProviderAccount, Secret<string>>();

/**
 * The account's key. Opened once for as long as nothing in the catalog changes: an account of
 * another catalog is another object, and with the catalog its opened key goes.
 */
function keyOf(account: ProviderAccount, unsealer: Unsealer): Secret<string> | null {
  if (account.sealedKey === null) return null;
  let key = opened.get(account);
  if (key === undefined) {
    key = unsealer.open(account.sealedKey, providerKeyContext(account));
    opened.set(account, key);
  }
  return key;
}

async function* canned(
  batches: ReturnType<NonNullable<ProviderAdapter["local"]>>,
  asked: Asked,
): AsyncGenerator<EventBatch> {
  asked.owed = true;
  for (const parts of batches) {
    const event = { parts };
    asked.tally.see(event);
    yield [event];
  }
}

function failed(internal: string): GatewayError {
  return new GatewayError("internal", "The gateway failed to handle this call.", { internal });
}

/**
 * Promise: events of the first target that answers, each counted as it arrives. Targets are
 * asked one after another until one has said something that the caller could see; from then
 * on there is no other. The only stage that has a provider's key opened.
 */
import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import { isFree } from "../domain/plans/estimate.ts";
import { GatewayError } from "../errors.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Attempt } from "../ports/records.ts";
import type { Upstream, UpstreamCall } from "../ports/upstream.ts";
import type { ProviderAdapter, Warning } from "../spec/adapter.ts";
import type { EventBatch } from "../spec/event.ts";
import { writeForm } from "./arrival/form.ts";
import type { OpenKey } from "./asking/account-key.ts";
import { apiOf } from "./asking/api-of.ts";
import { type AskSettings, ask } from "./asking/ask.ts";
import { Attempts } from "./asking/attempts.ts";
import type { EventStream } from "./asking/begun.ts";
import { canned } from "./asking/canned.ts";
import type { WithBytes } from "./asking/remote-media.ts";
import { withKey } from "./asking/with-key.ts";
import type { Call } from "./call.ts";
import type { CleanRequest } from "./guard-input.ts";
import { guardsOf } from "./guarding/guards.ts";
import { extend } from "./metering/extend.ts";
import { OutputBound, type OutputBoundPorts } from "./metering/output-bound.ts";
import { withCalls } from "./objects/batch-file.ts";
import { type KeepPorts, keeping } from "./objects/keep-objects.ts";
import type { Asked } from "./reserve.ts";
import type { Routed } from "./route.ts";
import type { Target } from "./target.ts";
import { type Redact, redactorOf } from "./telling/redact.ts";

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

export interface DispatchPorts extends OutputBoundPorts, KeepPorts {
  upstream: Upstream;
  openKey: OpenKey;
  meter: OutputBoundPorts["meter"] & KeepPorts["meter"];
  adapter(kind: string): ProviderAdapter | undefined;
  withBytes: WithBytes;
  /** From 0 inclusive to 1 exclusive. */
  draw: () => number;
}

export function createDispatch(ports: DispatchPorts, settings: AskSettings) {
  return async function dispatch(routed: Routed): Promise<Answer> {
    const { call, clean } = routed;
    call.observed.dispatchedTicks = call.ticks();
    const attempts = new Attempts(routed, {
      open: (asked, attempt, signal) => open(clean, asked, attempt, signal, ports, settings),
      contextTokens: ({ row, target }) => row.contextTokens ?? ports.prices.contextTokens(target.account, target.model),
      extend: ({ target }) => extend(clean.hold, target.account.name, ports),
      draw: ports.draw,
    });
    const { asked, events } = await attempts.first();
    return new Ticket(clean, asked.target, events);
  };
}

/** The events of one target: made here, or asked for with its opened key. */
async function open(
  clean: CleanRequest,
  asked: Asked,
  attempt: Attempt,
  signal: UpstreamCall["signal"],
  ports: DispatchPorts,
  settings: AskSettings,
): Promise<AsyncGenerator<EventBatch>> {
  const { call, request, hold } = clean;
  const { account } = asked.target;
  const kind = ports.adapter(account.kind);
  if (kind === undefined) throw failed(`no adapter for kind ${account.kind}`);
  const adapter = apiOf(kind, request, asked.target.model, account.options);
  if (adapter.local !== undefined && isFree(request)) call.observed.warnings.push(ESTIMATED);
  const warn = ({ field, message }: Warning) => call.observed.warnings.push(`${field}: ${message}`);
  if (adapter.local !== undefined) return canned(adapter.local(request, asked.target.model, warn), asked);
  const known = await withCalls(await ports.withBytes(clean, adapter), kind, asked.target, call);
  const { method, path, headers, body, files, warnings } = adapter.encode(known, asked.target.model, account.options);
  warnings.forEach(warn);
  const key = ports.openKey(account);
  const upstreamCall = {
    method,
    baseUrl: account.baseUrl ?? adapter.baseUrl ?? "",
    path,
    ...withKey(adapter, account.options, key, files === undefined ? headers : { ...headers, ...formType(call.id) }),
    body: files === undefined ? JSON.stringify(body) : writeForm(body, files, boundaryOf(call.id)),
    allowPrivateNetwork: account.allowPrivateNetwork,
    signal,
  };
  const decoder = adapter.decoder(request);
  const redact = redactedBy(account, key, kind.baseUrl);
  const bound = hold.worst.output > 0 ? new OutputBound(hold, asked, ports) : undefined;
  const guarded = guardsOf(hold.grant, "output").length > 0;
  const question = { call, asked, adapter, decoder, key, redact, upstreamCall, attempt, bound, guarded };
  const events = await ask({ ...question, stream: request.stream }, ports.upstream, settings);
  return keeping(events, clean, { asked, redact, adapter }, ports);
}

const ESTIMATED = "tokens: counted here, an estimate; the provider has no API that counts them";
/** A call's id is drawn here, so no file of the caller's can hold it. */
const boundaryOf = (callId: string) => `sallyport-${callId}`;
const formType = (callId: string) => ({ "content-type": `multipart/form-data; boundary=${boundaryOf(callId)}` });

/** Gathered when there is an error: there are few, and a key lies open in no second place. */
function redactedBy(account: ProviderAccount, key: Secret<string> | null, publicBaseUrl: string | null): Redact {
  return (text) => {
    const { options, baseUrl } = account;
    return redactorOf({ key: key?.reveal() ?? null, options, baseUrl, publicBaseUrl })(text);
  };
}

function failed(internal: string): GatewayError {
  return new GatewayError("internal", "The gateway failed to handle this call.", { internal });
}

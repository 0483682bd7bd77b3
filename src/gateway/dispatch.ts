/**
 * Promise: events of the first target that answers, each counted as it arrives. Targets are
 * asked one after another until one has said something that the caller could see; from then
 * on there is no other. The only stage that opens a provider's key.
 */
import { GatewayError, toGatewayError } from "../errors.ts";
import { MAX_ANSWER_BYTES, MAX_ERROR_BYTES, MAX_STREAM_BYTES } from "../kernel/bounds.ts";
import type { Upstream, UpstreamAnswer } from "../ports/upstream.ts";
import { providerKeyContext, type Unsealer } from "../ports/vault.ts";
import { type AnswerDecoder, MalformedAnswer, type ProviderAdapter, UnsupportedFeature } from "../spec/adapter.ts";
import type { EventBatch, EventPart, ModelEvent } from "../spec/event.ts";
import { SseFramer } from "../wire/framing.ts";
import type { Call } from "./call.ts";
import type { CleanRequest } from "./guard-input.ts";
import type { Routed, Target } from "./route.ts";
import { Tally } from "./tally.ts";
import { fromProviderError, mayFallBack } from "./upstream-error.ts";

/** An answer whose events are counted as they are read. `guardOutput` takes nothing else, so nothing is guarded before it is counted. */
class Ticket {
  protected readonly madeBy = "dispatch";
  readonly call: Call;
  readonly clean: CleanRequest;
  readonly target: Target;
  readonly tally: Tally;
  readonly events: AsyncGenerator<EventBatch>;

  constructor(clean: CleanRequest, target: Target, tally: Tally, events: AsyncGenerator<EventBatch>) {
    this.call = clean.call;
    this.clean = clean;
    this.target = target;
    this.tally = tally;
    this.events = events;
  }
}

export type Answer = Ticket;

export interface DispatchPorts {
  upstream: Upstream;
  unsealer: Unsealer;
  adapter(kind: string): ProviderAdapter | undefined;
}

export interface DispatchSettings {
  /** To the first byte of a streamed answer, and between two reads. */
  firstByteMs: number;
  idleMs: number;
  /** To the whole of a unary answer. */
  unaryMs: number;
}

export function createDispatch(ports: DispatchPorts, settings: DispatchSettings) {
  return async function dispatch(routed: Routed): Promise<Answer> {
    const { call, clean, targets } = routed;
    call.observed.dispatchedTicks = call.ticks();
    let last: GatewayError | undefined;
    for (const target of targets) {
      const attempt = {
        provider: target.account.name,
        model: target.model,
        status: null as number | null,
        error: null as string | null,
        ms: 0,
      };
      call.observed.attempts.push(attempt);
      const started = call.ticks();
      const tally = new Tally(clean.request, clean.hold.grant.api.capture);
      try {
        const events = counted(
          open(target, clean, ports, settings, (status) => (attempt.status = status)),
          tally,
        );
        const answer = new Ticket(clean, target, tally, await begun(events));
        attempt.ms = call.ticks() - started;
        call.observed.firstByteTicks = call.ticks();
        return answer;
      } catch (thrown) {
        last = toDispatchError(thrown);
        attempt.error = last.code;
        attempt.ms = call.ticks() - started;
        if (call.aborted !== undefined || !mayFallBack(last)) throw last;
      }
    }
    throw (
      last ??
      new GatewayError("internal", "The gateway failed to handle this call.", { internal: "no target was asked" })
    );
  };
}

/** Asks one target. Yields its events as they come; throws what went wrong, an error inside an answer included. */
async function* open(
  target: Target,
  clean: CleanRequest,
  ports: DispatchPorts,
  settings: DispatchSettings,
  onStatus: (status: number) => void,
): AsyncGenerator<EventBatch> {
  const { call, request } = clean;
  const { account } = target;
  const adapter = ports.adapter(account.kind);
  if (adapter === undefined) {
    throw new GatewayError("internal", "The gateway failed to handle this call.", {
      internal: `no adapter for kind ${account.kind}`,
    });
  }
  if (adapter.local !== undefined) {
    for (const parts of adapter.local(request, target.model)) yield [{ parts }];
    return;
  }
  const wanted = adapter.encode(request, target.model);
  for (const warning of wanted.warnings) call.observed.warnings.push(`${warning.field}: ${warning.message}`);
  const key = account.sealedKey === null ? null : ports.unsealer.open(account.sealedKey, providerKeyContext(account));
  call.expect("upstream_timeout", request.stream ? settings.firstByteMs : settings.unaryMs);
  const answer = await ports.upstream.send({
    baseUrl: account.baseUrl ?? adapter.baseUrl ?? "",
    path: wanted.path,
    headers: {
      "content-type": "application/json",
      ...wanted.headers,
      ...(key === null ? {} : adapter.credential(key.reveal())),
    },
    body: JSON.stringify(wanted.body),
    allowPrivateNetwork: account.allowPrivateNetwork,
    signal: call.signal,
  });
  onStatus(answer.status);
  if (answer.status < 200 || answer.status > 299) throw await readError(answer, adapter);
  const decoder = adapter.decoder(request);
  if (request.stream && isMediaType(answer, "text/event-stream"))
    yield* streamed(answer, adapter, decoder, call, settings);
  else yield await whole(answer, adapter, decoder);
}

async function whole(answer: UpstreamAnswer, adapter: ProviderAdapter, decoder: AnswerDecoder): Promise<EventBatch> {
  if (!isMediaType(answer, "application/json")) {
    answer.discard();
    throw new MalformedAnswer(`content-type ${answer.header("content-type")?.slice(0, 80)}`);
  }
  const bytes = await answer.bytes(MAX_ANSWER_BYTES);
  const parts = decoder.unary(utf8.decode(bytes));
  return [{ parts, original: { dialect: adapter.dialect, shape: "body", bytes } }];
}

const utf8 = new TextDecoder();

async function* streamed(
  answer: UpstreamAnswer,
  adapter: ProviderAdapter,
  decoder: AnswerDecoder,
  call: Call,
  settings: DispatchSettings,
): AsyncGenerator<EventBatch> {
  const framer = new SseFramer();
  const { dialect } = adapter;
  const toEvents = (frames: ReturnType<SseFramer["push"]>): ModelEvent[] =>
    frames.map((frame) => ({
      parts: frame.data === "" ? [] : decoder.frame(frame),
      original: { dialect, shape: "frame", bytes: frame.bytes },
    }));
  let size = 0;
  for await (const chunk of answer.chunks()) {
    size += chunk.length;
    if (size > MAX_STREAM_BYTES) throw new MalformedAnswer(`the stream is longer than ${MAX_STREAM_BYTES} bytes`);
    const events = toEvents(framer.push(chunk));
    if (events.length > 0) yield events;
    call.expect("upstream_timeout", settings.idleMs);
  }
  const rest = toEvents(framer.close());
  if (rest.length > 0) yield rest;
  const owed = decoder.close();
  if (owed.length > 0) yield [{ parts: owed }];
}

async function readError(answer: UpstreamAnswer, adapter: ProviderAdapter): Promise<GatewayError> {
  if (answer.status >= 300 && answer.status < 400) {
    answer.discard();
    return new GatewayError("upstream_malformed", "The provider answered with a redirect, which is never followed.");
  }
  let body = "";
  try {
    body = utf8.decode(await answer.bytes(MAX_ERROR_BYTES));
  } catch (cause) {
    if (!(cause instanceof GatewayError) || cause.code !== "upstream_malformed") throw cause;
  }
  return fromProviderError(adapter.error(answer.status, body, (name) => answer.header(name)));
}

function isMediaType(answer: UpstreamAnswer, type: string): boolean {
  return answer.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() === type;
}

/** Counts every event at the moment it is read, so that whatever ends the reading, what was streamed is counted. */
async function* counted(events: AsyncGenerator<EventBatch>, tally: Tally): AsyncGenerator<EventBatch> {
  for await (const batch of events) {
    for (const event of batch) tally.see(event);
    yield batch;
  }
}

/**
 * Reads on until there is something that a caller could see, or an error; gives back all of
 * it from the start. Until then another target may still be asked.
 */
async function begun(events: AsyncGenerator<EventBatch>): Promise<AsyncGenerator<EventBatch>> {
  const held: EventBatch[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) {
      if (held.length === 0) throw new MalformedAnswer("the answer is empty");
      break;
    }
    held.push(value);
    const telling = value.flatMap((event) => event.parts).find((part) => !PRELUDE.has(part.type));
    if (telling === undefined && held.length < MAX_PRELUDE) continue;
    if (telling?.type === "error") {
      await events.return(undefined);
      throw fromProviderError(telling.error);
    }
    break;
  }
  return (async function* () {
    try {
      yield* held;
      yield* events;
    } finally {
      await events.return(undefined);
    }
  })();
}

/** So many reads without content are passed on all the same, or a provider's keep-alives would never reach the caller. */
const MAX_PRELUDE = 64;

/** Parts that say nothing yet. */
const PRELUDE: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["start", "ping", "usage", "unknown"]);

function toDispatchError(thrown: unknown): GatewayError {
  if (thrown instanceof MalformedAnswer) {
    return new GatewayError("upstream_malformed", "The provider sent something that is no answer.", {
      internal: thrown.message,
      cause: thrown,
    });
  }
  if (thrown instanceof UnsupportedFeature) {
    return new GatewayError("unsupported_feature", thrown.message, { param: thrown.field });
  }
  return toGatewayError(thrown);
}

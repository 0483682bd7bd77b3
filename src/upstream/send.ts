import { GatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Upstream, UpstreamAnswer, UpstreamCall } from "../ports/upstream.ts";
import { createAuthorizer } from "./authorize/index.ts";
import type { Egress, PinnedAddress } from "./egress.ts";
import { Pool } from "./pool.ts";
import { type Question, question } from "./question.ts";

/**
 * Sends to pinned addresses, never through a proxy of the environment, never following a redirect.
 * Requests that no header of the key makes the account's own are signed here, or get a token that is
 * asked for in the same guarded way.
 */
export function createUpstream(egress: Egress, clock: Clock): Upstream {
  const pool = new Pool(clock);

  async function send(call: UpstreamCall): Promise<UpstreamAnswer> {
    const pin =
      egress.recent(call.baseUrl, call.allowPrivateNetwork) ??
      (await egress.pin(call.baseUrl, call.allowPrivateNetwork));
    const path = pathOf(call.baseUrl) + call.path;
    const headers =
      call.authorization === undefined
        ? call.headers
        : await authorizer.headers(call, new URL(call.baseUrl).origin + path);
    const asked = question(call, targetOf(path), pin.host, headers);
    call.signal.throwIfAborted();
    const answer = await ask(pin, asked, call);
    if (answer.status === 401) authorizer.refused(call);
    return answer;
  }

  /**
   * On a connection that rests, or a new one. Sent again only where a connection took nothing of it, or was
   * closed by the provider just as the question left.
   */
  function ask(pin: PinnedAddress, asked: Question, call: UpstreamCall): Promise<UpstreamAnswer> {
    for (let resting = pool.take(pin); resting !== undefined; resting = pool.take(pin)) {
      const answer = resting.ask(asked, call.signal);
      if (answer === undefined) continue;
      call.onSend?.();
      const since = clock.ticks();
      const asleep = resting;
      return answer.catch((cause: unknown) => {
        if (!asleep.unheard || call.signal.aborted || clock.ticks() - since > CROSSED_MS) throw cause;
        return askAnew(pin, asked, call);
      });
    }
    return askAnew(pin, asked, call);
  }

  async function askAnew(pin: PinnedAddress, asked: Question, call: UpstreamCall): Promise<UpstreamAnswer> {
    const connection = await pool.connect(pin, call.signal);
    call.signal.throwIfAborted();
    const answer = connection.ask(asked, call.signal);
    if (answer === undefined) throw closedAtOnce();
    call.onSend?.();
    return answer;
  }

  const authorizer = createAuthorizer(clock, send);
  return { send };
}

/**
 * A provider that closes a connection because it has rested for long enough, or has served often enough,
 * does not say so: its close and our question cross. Then nothing comes back, and the close is here
 * within the time of a journey. Whoever has read a question and fails later has mostly said something,
 * or takes longer. (RFC 9112, section 9.3.1, leaves it to the client to know.)
 */
const CROSSED_MS = 1_000;

function closedAtOnce(): GatewayError {
  return new GatewayError("upstream_unreachable", "The provider could not be reached.", {
    internal: "the connection was closed before anything could be sent",
  });
}

const paths = new Map<string, string>();

/** The path of a base URL, without a slash at its end. Accounts are few, so their paths are kept. */
function pathOf(baseUrl: string): string {
  return kept(paths, baseUrl, () => new URL(baseUrl).pathname.replace(/\/+$/, ""));
}

const targets = new Map<string, string>();

/** A path as the URL standard writes it (https://url.spec.whatwg.org/#path-state): what is no ASCII is escaped, and steps are taken. */
function targetOf(path: string): string {
  return kept(targets, path, () => {
    const { pathname, search } = new URL(`http://h${path}`);
    return pathname + search;
  });
}

function kept(known: Map<string, string>, key: string, make: () => string): string {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    if (known.size > 1_000) known.clear();
    known.set(key, value);
  }
  return value;
}

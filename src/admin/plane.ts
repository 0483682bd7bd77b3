import type { Permission } from "../domain/access/permissions.ts";
import { keyDigest, mintVirtualKey } from "../domain/access/virtual-key.ts";
import { detailOf, GatewayError, toGatewayError } from "../errors.ts";
import type { Clock } from "../kernel/clock.ts";
import { hmac } from "../kernel/digest.ts";
import { type RandomBytes, randomText, timeOrderedId, WELL_FORMED_REQUEST_ID } from "../kernel/id.ts";
import type { Actor, Administration } from "../ports/administration.ts";
import type { Directory } from "../ports/directory.ts";
import type { Events } from "../ports/events.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { Log } from "../ports/log.ts";
import type { MeterView } from "../ports/meter.ts";
import type { Records } from "../ports/records.ts";
import type { Trial } from "../ports/trial.ts";
import { actorMay, authenticate, type BadTokens, type VerifyToken } from "./authenticate.ts";
import { readJsonBody } from "./body.ts";
import { InvalidInput, readInput } from "./input.ts";
import type { Answer, ChangeContext, Operation, OperationInput, ParsedInput, ReadContext } from "./operation.ts";
import { problemResponse, SECURITY_HEADERS } from "./problem.ts";
import { createRouter } from "./routes.ts";

export interface AdminDependencies {
  administration: Administration;
  records: Pick<Records, "page" | "recordOf">;
  events: Pick<Events, "page">;
  meter: MeterView;
  ledger: Ledger;
  directory: Pick<Directory, "catalog">;
  trial: Trial;
  clock: Clock;
  random: RandomBytes;
  log: Log;
  /** Key of the virtual keys' digests; the same that identify uses. */
  keyPepper: Uint8Array;
  /** A key of its own for telling repeated calls: `deriveKey(master, "idempotency")`. */
  idempotencyPepper: Uint8Array;
  version: string;
  /** Wall time of the process's start, milliseconds since 1970. */
  startedAt: number;
  verifyToken: VerifyToken;
  badTokens: BadTokens;
  operations: readonly Operation[];
  /** Set by tests only; otherwise the role matrix decides. */
  may?: (actor: Actor, permission: Permission) => boolean;
}

export interface Peer {
  /** Address of the socket's other end. */
  address: string;
}

export interface AdminPlane {
  handle(request: Request, peer: Peer): Promise<Response>;
  /** Throws unless the request carries a token whose actor has the permission. */
  admit(request: Request, peer: Peer, permission: Permission): Actor;
}

/** Visible ASCII; draft-ietf-httpapi-idempotency-key-header leaves the rest to the server. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The control plane: route, authenticate, authorize, read, act, answer, in this order. The
 * body is not read before the actor is known to be allowed.
 */
export function createAdminPlane(deps: AdminDependencies): AdminPlane {
  const route = createRouter(deps.operations);
  const may = deps.may ?? actorMay;

  function admit(request: Request, peer: Peer, permission: Permission): Actor {
    const actor = authenticate(request, peer.address, deps.verifyToken, deps.badTokens);
    if (!may(actor, permission)) {
      throw new GatewayError("not_allowed", `This needs the permission ${permission}.`);
    }
    return actor;
  }

  async function handle(request: Request, peer: Peer): Promise<Response> {
    const requestId = requestIdOf(request, deps);
    const begun = deps.clock.ticks();
    const seen: { operation?: Operation; actor?: Actor } = {};
    let allow: string | undefined;
    const log = (status: number, error?: GatewayError) => {
      const detail = error === undefined || status < 500 ? error?.internal : detailOf(error);
      const line = {
        call: requestId,
        method: request.method,
        status,
        address: peer.address,
        totalMs: deps.clock.ticks() - begun,
        ...(seen.operation === undefined ? {} : { endpoint: seen.operation.id }),
        ...(seen.actor === undefined ? {} : { actor: `${seen.actor.kind}:${seen.actor.id}` }),
        ...(error === undefined ? {} : { code: error.code }),
        ...(detail === undefined ? {} : { detail }),
      };
      deps.log.write(status >= 500 ? "error" : "info", "admin call", line);
    };
    try {
      const url = new URL(request.url);
      const match = route(request.method, url.pathname);
      if (match === undefined) throw new GatewayError("not_found", "There is nothing at this path.");
      if (match.found === null) {
        allow = match.allow.join(", ");
        throw new GatewayError("method_not_allowed", `This path takes ${allow} only.`);
      }
      const operation = match.found;
      seen.operation = operation;
      const actor = admit(request, peer, operation.permission);
      seen.actor = actor;
      const body = operation.method === "GET" ? undefined : await readJsonBody(request);
      const input = readInput(operation.input, match.path, url.searchParams, body);
      const answer = await act(deps, operation, readContext(deps, actor, request), request, input);
      const response = answerResponse(operation, answer, requestId, request.method === "HEAD");
      log(response.status);
      return response;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      log(error.status, error);
      return problemResponse(error, requestId, {
        ...(error instanceof InvalidInput ? { faults: error.faults } : {}),
        ...(allow === undefined ? {} : { allow }),
      });
    }
  }

  return { handle, admit };
}

/** The caller's id where it is well-formed, else a fresh one. */
export function requestIdOf(request: Request, { clock, random }: { clock: Clock; random: RandomBytes }): string {
  const given = request.headers.get("x-request-id");
  return given !== null && WELL_FORMED_REQUEST_ID.test(given) ? given : timeOrderedId("req", clock.now(), random);
}

function readContext(deps: AdminDependencies, actor: Actor, request: Request): ReadContext {
  const now = deps.clock.now();
  return {
    actor,
    now,
    administration: deps.administration,
    records: deps.records,
    events: deps.events,
    meter: deps.meter,
    ledger: deps.ledger,
    catalog: () => deps.directory.catalog(),
    installation: { version: deps.version, startedAt: deps.startedAt, uptimeMs: Math.max(0, now - deps.startedAt) },
    ifMatch: request.headers.get("if-match"),
  };
}

function act(
  deps: AdminDependencies,
  operation: Operation,
  context: ReadContext,
  request: Request,
  input: ParsedInput<OperationInput>,
): Promise<Answer<unknown>> {
  if (operation.method === "GET") return operation.handle(context, input);
  const begun = deps.clock.ticks();
  const repeatId = repeatIdOf(request, context.actor, deps.idempotencyPepper);
  const changeContext: ChangeContext = {
    ...context,
    change: (subject, fn) => deps.administration.change(context.actor, { action: operation.audit, ...subject }, fn),
    repeatId,
    newId: (prefix) => (repeatId === null ? timeOrderedId(prefix, context.now, deps.random) : `${prefix}_${repeatId}`),
    trial: deps.trial,
    elapsed: () => deps.clock.ticks() - begun,
    mintKey: (mode, publicId) => {
      const key = publicId === null ? mintVirtualKey(mode, deps.random) : mintVirtualKey(mode, deps.random, publicId);
      return { key, digest: keyDigest(deps.keyPepper, key.text) };
    },
  };
  return operation.handle(changeContext, input);
}

/**
 * What stands for "this very call" of an actor. Keyed, so that an id cannot be chosen by
 * choosing an Idempotency-Key; bound to actor, method and path, so that equal keys of
 * others, or for other things, are other calls.
 */
function repeatIdOf(request: Request, actor: Actor, pepper: Uint8Array): string | null {
  const key = request.headers.get("idempotency-key");
  if (key === null || request.method !== "POST") return null;
  if (!IDEMPOTENCY_KEY.test(key)) {
    throw new GatewayError("invalid_request", "Idempotency-Key must be 1 to 255 visible ASCII characters.", {
      param: "idempotency-key",
    });
  }
  const mac = hmac(pepper, JSON.stringify([actor.kind, actor.id, request.method, new URL(request.url).pathname, key]));
  return randomText(() => Buffer.from(mac, "base64url"), 12);
}

function answerResponse(operation: Operation, answer: Answer<unknown>, requestId: string, head: boolean): Response {
  const body = JSON.stringify(operation.output.parse(answer.body));
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    "content-type": "application/json",
    "x-request-id": requestId,
    ...(answer.etag === undefined ? {} : { etag: `"${answer.etag}"` }),
    ...(answer.location === undefined ? {} : { location: answer.location }),
    ...(answer.replayed === true ? { "idempotency-replayed": "true" } : {}),
  };
  return new Response(head ? null : body, { status: answer.status ?? 200, headers });
}

import type { JsonObject } from "./kernel/json.ts";

/** Who has to act before the same call can succeed. */
export type Owner = "client" | "policy" | "config" | "platform" | "upstream";

interface ErrorRow {
  status: number;
  owner: Owner;
  /** Whether the same request may succeed later, unchanged. */
  retryable: boolean;
  /** One sentence for the generated page, in general terms. */
  title: string;
}

/** Every way a call can fail. The page docs/errors.md is made from this table. */
// biome-ignore format: a table, one row a line
export const ERRORS = {
  invalid_request: row(400, "client", false, "The request is not what its dialect allows; `param` names the field."),
  invalid_json: row(400, "client", false, "The body is not JSON, or not UTF-8, or nested or branched beyond the bounds."),
  unsupported_feature: row(400, "client", false, "The model's provider has no way of doing what was asked for."),
  parameter_not_allowed: row(400, "policy", false, "The API's policy does not take what this field asks for; `param` names it."),
  forbidden_header: row(400, "client", false, "A header tries to choose the upstream, or the client's address, from a place that may not."),
  conflicting_credentials: row(400, "client", false, "The request carries two different credentials."),
  missing_credential: row(401, "client", false, "The request carries no credential."),
  invalid_credential: row(401, "client", false, "The credential is malformed, unknown, revoked or expired."),
  not_allowed: row(403, "policy", false, "The credential is good, but this call is not allowed to it."),
  address_not_allowed: row(403, "policy", false, "The key may not be used from this network address."),
  model_not_found: row(404, "client", false, "No such model is available to this key. Unknown and ungranted models answer alike."),
  object_not_found: row(404, "client", false, "No such file, batch or response is there for this key. Unknown ones and those of others answer alike."),
  foreign_host: row(421, "client", false, "The Host header names a machine that this listener does not answer for."),
  foreign_origin: row(403, "client", false, "A page of another site may change nothing here."),
  not_found: row(404, "client", false, "There is nothing at this path."),
  method_not_allowed: row(405, "client", false, "The path exists, but not with this method."),
  conflict: row(409, "client", false, "The change collides with what is already there."),
  precondition_failed: row(412, "client", false, "The resource is not in the state that If-Match names."),
  body_too_large: row(413, "client", false, "The body is larger than the gateway takes."),
  unsupported_media_type: row(415, "client", false, "The body must be sent as application/json."),
  body_timeout: row(408, "client", true, "The body did not arrive in time."),
  guardrail_blocked: row(422, "policy", false, "A guardrail refused the prompt or the answer."),
  rate_limit_exceeded: row(429, "policy", true, "A rate limit is used up; Retry-After says when it is not."),
  insufficient_quota: row(429, "policy", false, "A quota or budget is used up for its period."),
  too_many_attempts: row(429, "client", true, "Too many bad credentials came from this address."),
  client_closed: row(499, "client", true, "The caller left before the answer was whole."),
  internal: row(500, "platform", true, "Something broke inside the gateway; the request id finds it in the log."),
  upstream_error: row(502, "upstream", true, "The provider failed."),
  upstream_malformed: row(502, "upstream", true, "The provider sent something that is no answer in its dialect."),
  upstream_cut: row(502, "upstream", true, "The provider's answer ended before it was whole."),
  upstream_unreachable: row(502, "upstream", true, "The provider could not be reached."),
  upstream_refused: row(502, "config", false, "The provider refused the gateway's own credentials or account. Told with the provider's 401, 402 or 403, where it gave one, and its message."),
  upstream_blocked: row(502, "config", false, "The provider's address is one that the gateway may not call."),
  upstream_rejected: row(400, "client", false, "The provider refused the request; its own message is passed on."),
  upstream_rate_limited: row(429, "upstream", true, "The provider's own rate limit is used up."),
  overloaded: row(503, "platform", true, "The gateway has as many calls as it can carry."),
  draining: row(503, "platform", true, "The gateway is shutting down."),
  store_unavailable: row(503, "platform", true, "The store cannot be reached, so nothing can be admitted."),
  upstream_timeout: row(504, "upstream", true, "The provider was silent for longer than the deadline."),
  deadline_exceeded: row(504, "platform", true, "The call took longer than calls may take."),
} as const satisfies Record<string, ErrorRow>;

function row(status: number, owner: Owner, retryable: boolean, title: string): ErrorRow {
  return { status, owner, retryable, title };
}

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  /** For the log; never for the caller. */
  internal?: string;
  cause?: unknown;
  param?: string | null;
  retryAfterMs?: number;
  /** Overrides the row's status: a provider's 4xx is passed on as it came. */
  status?: number;
  /** The provider's own word for what is wrong with the caller's request. Programs act on it (`context_length_exceeded`). */
  providerCode?: string;
  /** The status that the provider gave, where it refused the request or the account. */
  upstreamStatus?: number;
  beside?: BesideMessage;
}

/** What a provider says of an error beside what our own words tell of it, by field, for callers of its dialect alone. */
export interface BesideMessage {
  dialect: string;
  fields: JsonObject;
}

/** A failure with two faces: `public` is for the caller, `internal` and `cause` are for the log. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly public: string;
  readonly internal: string | undefined;
  readonly param: string | null;
  readonly retryAfterMs: number | undefined;
  readonly status: number;
  readonly providerCode: string | undefined;
  readonly upstreamStatus: number | undefined;
  readonly beside: BesideMessage | undefined;

  constructor(code: ErrorCode, publicMessage: string, details: ErrorDetails = {}) {
    super(publicMessage, { cause: details.cause });
    this.code = code;
    this.public = publicMessage;
    this.internal = details.internal;
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status ?? ERRORS[code].status;
    this.providerCode = details.providerCode;
    this.upstreamStatus = details.upstreamStatus;
    this.beside = details.beside;
  }

  get owner(): Owner {
    return ERRORS[this.code].owner;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** Anything that was thrown, as a GatewayError. What nobody foresaw becomes `internal`, and says nothing. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError("internal", "The gateway failed to handle this call.", {
    internal: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
    cause: thrown,
  });
}

/** What an operator is told of an error beside its code: what went wrong inside, and where it was thrown. Undefined where there is nothing. */
export function detailOf({ internal, cause }: GatewayError): string | undefined {
  const stack = cause instanceof Error ? cause.stack : undefined;
  const told = [internal, stack].filter(Boolean).join("\n");
  return told === "" ? undefined : told;
}

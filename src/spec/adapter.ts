import type { JsonObject } from "../kernel/json.ts";
import type { Capabilities } from "./capability.ts";
import type { Dialect } from "./dialect.ts";
import type { EventPart, ProviderError } from "./event.ts";
import type { FormFile, OperationName } from "./operation.ts";
import type { ModelRequest } from "./request.ts";

/** Something of the request that the provider has no place for, and that was left out. */
export interface Warning {
  /** The caller's field. */
  field: string;
  message: string;
}

/** What shall be sent to a provider. The host and the key are not the adapter's business. */
export interface UpstreamRequest {
  method: "GET" | "POST" | "DELETE";
  /** Relative to the account's base URL, with a leading slash. */
  path: string;
  headers: Record<string, string>;
  /** Not sent with a GET or a DELETE. */
  body: JsonObject;
  /** Present where `body` is sent as a form with these files (RFC 7578) instead of as JSON; a list there is a field that is repeated. */
  files?: FormFile[];
  warnings: Warning[];
}

/** One server-sent event, or what stands for it in another framing. `event` is empty where the provider does not name its events. */
export interface Frame {
  event: string;
  data: string;
  /** The stream tells by it that it has failed, and `event` is how: an exception of AWS's. Server-sent events have no such mark. */
  failed?: true;
}

/** Turns one answer of one provider into parts. It keeps state and serves one answer only. */
export interface AnswerDecoder {
  /** A whole unary answer. Throws `MalformedAnswer` if it is none. The last part is `end`. */
  unary(body: string): EventPart[];
  /** One event of a stream. Throws `MalformedAnswer` if it is none. */
  frame(frame: Frame): EventPart[];
  /** The stream has closed: what is still owed, `end` if the answer was whole and `end` not yet given. */
  close(): EventPart[];
  /** In place of `unary` where answers may be something else than JSON: a sound, subtitles. Throws `MalformedAnswer`. */
  body?(bytes: Uint8Array, mediaType: string): EventPart[];
  /** Said after `unary`: the answer can be read, but is not in the form that the caller asked for, so its bytes cannot be relayed. */
  readonly altered?: boolean;
}

/** How a stream of a provider is cut into frames. `wire/framers.ts` has a framer for each. */
export type Framing = "sse" | "google-sse" | "ndjson" | "aws-event-stream" | "aws-invoke-stream";

/**
 * What an account says beside address and key, by name: a region, a project. Checked against the
 * adapter's `options` when the configuration is read.
 */
export type AccountOptions = Readonly<Record<string, string>>;

/** One option that accounts of a kind take. */
export interface AccountOption {
  /** Shown in the documentation of the configuration. */
  description: string;
  /** Whether an account needs it that names no address of its own. */
  required: boolean;
  /** What the whole value must match. It becomes part of addresses, so it is never open. */
  pattern: RegExp;
}

/**
 * How a request is made the account's own, where a key in a header is not enough; done by
 * `upstream`, which has clock, network and the opened key. AWS: Signature Version 4. Google and
 * Entra: a short-lived access token, which the key (a service account, a client secret) is traded for.
 */
export type Authorization = "aws-sigv4" | "google-access-token" | "entra-access-token";

/** How an account's key is shown to the provider. */
export type CredentialHeader = (key: string) => Record<string, string>;

/** How a provider is asked for something that is no conversation. Address, key and errors are its usual ones. */
export interface OperationApi extends Pick<ProviderAdapter, "dialect" | "encode" | "decoder" | "framing" | "local"> {
  /** The models that do it, where not all that are asked for it can. */
  serves?(model: string): boolean;
}

/** A provider, as pure functions: no fetch, no key, no clock. */
export interface ProviderAdapter {
  /** The name in the configuration (`kind:`). */
  readonly kind: string;
  readonly dialect: Dialect;
  /** Whether an account of this kind needs a base URL, or what it is otherwise. */
  readonly baseUrl: string | null;
  /** Instead of `baseUrl`, where the address follows from the options. They have been checked. */
  readonly baseUrlOf?: (options: AccountOptions) => string;
  readonly needsKey: boolean;
  readonly capabilities: Capabilities;
  readonly credential: CredentialHeader;
  /** What is done with this key instead of `credential`, where the key itself is never sent; null: it is shown. */
  readonly authorization?: (key: string) => Authorization | null;
  /**
   * Whether its answers lie at the provider afterwards, unless it is told not to keep them, so that a later
   * request may go on from one by its id (`previous_response_id` of OpenAI's Responses). For 30 days, where
   * a provider says how long: OpenAI, Azure, xAI, Fireworks.
   */
  readonly keepsResponses?: boolean;
  /**
   * Where the bound on the output does not bound the thoughts, which come, and are charged, on top of it: the
   * most tokens of them that one answer to the request may have; 0 where it certainly has none. Absent where
   * the bound holds for both.
   */
  readonly thoughtsOnTop?: (request: ModelRequest, model: string) => number;
  /**
   * The most tokens of one answer to a caller who sets no bound: what the model is asked for then, or writes at most.
   * Absent, or undefined, where that is not known.
   */
  readonly longestAnswer?: (model: string) => number | undefined;
  /** By name; absent means none. */
  readonly options?: Readonly<Record<string, AccountOption>>;
  /** Where one kind of account has several APIs: the one in which this call is asked. */
  readonly variant?: (request: ModelRequest, model: string, options: AccountOptions) => ProviderAdapter;
  /** What it does beside conversations. What is not here is done another way, or refused. */
  readonly operations?: Readonly<Partial<Record<OperationName, OperationApi>>>;
  /** Of streams; server-sent events where absent. */
  readonly framing?: Framing;
  /** `model` is the provider's own name of it. What `capabilities` rules out need not be looked for. Throws `UnsupportedFeature`. */
  encode(request: ModelRequest, model: string, options?: AccountOptions): UpstreamRequest;
  decoder(request: ModelRequest): AnswerDecoder;
  /** Reads an answer whose status is not 2xx. Never throws. */
  error(status: number, body: string, header: (name: string) => string | null): ProviderError;
  /** Models that the provider is known to have; what a fresh account publishes. */
  readonly models: readonly string[];
  /** Set where there is no upstream at all: the answer is made here. */
  readonly local?: (request: ModelRequest, model: string, warn?: (warning: Warning) => void) => Iterable<EventPart[]>;
  /** A test provider serves `sp_test_` keys and costs nothing. */
  readonly test?: boolean;
}

/** The provider sent something that its own dialect does not allow. Its message is for the log, not for the caller. */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

/** The provider has no way of doing what was asked for. */
export class UnsupportedFeature extends Error {
  override readonly name = "UnsupportedFeature";
  readonly field: string;

  /** @param field the caller's field, by its canonical or dialect name; @param message says what cannot be done and where. */
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

import type { JsonObject } from "../kernel/json.ts";
import type { Dialect } from "./dialect.ts";
import type { EventPart } from "./event.ts";
import type { FormFile } from "./operation.ts";
import type { PicturesTold } from "./picture.ts";
import type { ModelRequest } from "./request.ts";

/** What a caller is told when a call fails, before it takes the shape of a dialect. */
export interface PublicError {
  status: number;
  /** Our code, a row of `errors.ts`. */
  code: string;
  message: string;
  /** The field at fault, as a path: `messages[2].content`. */
  param: string | null;
  /** The call's id. */
  requestId: string;
  /** The provider's own word for what is wrong with the request, where it refused it. */
  providerCode?: string;
}

/** What the encoder may know beside the answer itself. */
export interface EncoderContext {
  /** Used where the answer brings no id of its own. */
  requestId: string;
  /** Seconds since 1970, used where the answer brings no time. */
  created: number;
  /** How the caller's client names itself, for what only some clients of a dialect cannot read. */
  userAgent?: string | undefined;
}

/**
 * Writes one answer in one dialect. It keeps state (indexes, ids), so it must see every
 * part of the answer, in order: what is relayed as bytes goes through `relayed`.
 */
export interface AnswerEncoder {
  /** Server-sent events for these parts, each with its closing blank line; may be empty. */
  frames(parts: readonly EventPart[]): string;
  /** These parts went out as the provider's own bytes; only the state moves on. */
  relayed(parts: readonly EventPart[]): void;
  /** A whole unary answer, as JSON text, of all its parts in order. */
  unary(parts: readonly EventPart[]): string;
  /** What ends a stream that has already begun. Never followed by a clean end. */
  errorFrame(error: PublicError): string;
  /** Content type of a stream; server-sent events where absent. Only those can carry comments. */
  readonly streamType?: string;
  /** False where the provider's frames cannot stand in this stream as they came, though the dialect is the same; they can where it is absent. */
  readonly relays?: boolean;
}

/** What the address of a request says, for dialects that do not say everything in the body. */
export interface RequestAddress {
  /** What stands in the places of the endpoint's path (`/v1beta/models/{model}:generateContent`), decoded. */
  params: Readonly<Record<string, string>>;
  /** Without the question mark. */
  query: string;
}

/** A caller's dialect. Pure. */
export interface Wire {
  readonly dialect: Dialect;
  /**
   * Request headers that are part of the dialect (`anthropic-beta`), in lower case. Whoever
   * decodes copies those that the caller sent to `ModelRequest.headers`; absent means none.
   */
  readonly requestHeaders?: readonly string[];
  /** Throws `InvalidRequest`. */
  decode(body: JsonObject, address?: RequestAddress): ModelRequest;
  /**
   * Present where requests come as forms (`multipart/form-data`). Fields are strings, repeated ones
   * lists of them. Throws `InvalidRequest`.
   */
  decodeForm?(fields: JsonObject, files: FormFile[], address?: RequestAddress): ModelRequest;
  /** Set where the address says everything: a body, if there is one, is not looked at. */
  readonly bodiless?: boolean;
  /** Which pictures of another provider's its answers have a place for; none where it is absent. */
  readonly pictures?: PicturesTold;
  /** Values that a body may have, where more than usual: batches of token lists. */
  readonly maxValues?: number;
  encoder(request: ModelRequest, context: EncoderContext): AnswerEncoder;
  /** The body of an answer whose status is an error. */
  errorBody(error: PublicError): JsonObject;
}

/** The caller's request breaks the dialect. Answered 400, naming the field. */
export class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
  /** Path of the field, `messages[2].content`; null where the body as a whole is at fault. */
  readonly field: string | null;

  constructor(field: string | null, message: string) {
    super(message);
    this.field = field;
  }
}

import type { z } from "zod";
import type { Permission } from "../domain/access/permissions.ts";
import type { KeyMode, VirtualKey } from "../domain/access/virtual-key.ts";
import type { Catalog } from "../domain/catalog/catalog.ts";
import type { ErrorCode } from "../errors.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Actor, Administration, DirectoryWriter } from "../ports/administration.ts";
import type { Events } from "../ports/events.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { MeterView } from "../ports/meter.ts";
import type { Records } from "../ports/records.ts";
import type { Trial } from "../ports/trial.ts";

/** What an operation may look at. There is no way from here to a change. */
export interface ReadContext {
  actor: Actor;
  /** Wall time, milliseconds since 1970. */
  now: number;
  administration: Pick<
    Administration,
    "applications" | "subscriptions" | "keys" | "key" | "audit" | "chargedScopes" | "limitRequests" | "limitRequest"
  >;
  meter: MeterView;
  ledger: Ledger;
  records: Pick<Records, "page" | "recordOf">;
  events: Pick<Events, "page">;
  catalog(): Catalog;
  installation: { version: string /** Milliseconds since 1970. */; startedAt: number; uptimeMs: number };
  /** The request's `If-Match`, as it came. */
  ifMatch: string | null;
}

/** What was changed, for the audit log. Never a secret. */
export interface ChangeSubject {
  /** `key:abc123` */
  subject: string;
  tenantId: string | null;
  detail: JsonObject;
}

/** What a mutation has beside: the one way to write, which leaves the audit entry in the same commit. */
export interface ChangeContext extends ReadContext {
  /** Commits the writes of `fn` and the audit entry, or neither. Nothing is committed when `fn` throws. */
  change<T>(subject: ChangeSubject, fn: (writer: DirectoryWriter) => Promise<T>): Promise<T>;
  /**
   * 12 characters of Crockford base 32, the same for every request of this actor to this
   * path with this `Idempotency-Key`; null where the request has none. A resource made under
   * this id is found again by it, so that a repeated call makes no second one, whatever
   * happened to the first call or to the process.
   */
  repeatId: string | null;
  /** The id of a new resource: made of `repeatId` where there is one. @param prefix `lreq` */
  newId(prefix: string): string;
  /** Asks a model of an account whether it answers. */
  trial: Trial;
  /** Milliseconds since the request came, which no change of the clock moves. */
  elapsed(): number;
  /** A fresh key and what the store keeps of it. */
  mintKey(mode: KeyMode, publicId: string | null): { key: VirtualKey; digest: string };
}

export interface OperationInput {
  path?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodObject;
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface ParsedInput<I extends OperationInput> {
  path: Parsed<I["path"]>;
  query: Parsed<I["query"]>;
  body: Parsed<I["body"]>;
}

/** What an operation says. `body` passes through the output schema: a field that is not in it does not leave. */
export interface Answer<T> {
  body: T;
  status?: 200 | 201;
  /** Entity tag, without quotes. */
  etag?: string;
  /** Path of what was made. */
  location?: string;
  /** The call was a repetition, and this is what the first one made. */
  replayed?: boolean;
}

interface Common<I extends OperationInput, O extends z.ZodType> {
  /** `keys.create`; the OpenAPI operationId. */
  id: `${string}.${string}`;
  /** Template with `{name}` for the fields of `input.path`. */
  path: `/api/v1/${string}`;
  /** One line, imperative. */
  summary: string;
  /** What a caller must know and the schemas do not say. */
  description?: string;
  permission: Permission;
  input: I;
  output: O;
  /** Refusals of this operation beside those that every operation has. */
  errors?: readonly ErrorCode[];
}

export interface ReadOperation<I extends OperationInput, O extends z.ZodType> extends Common<I, O> {
  method: "GET";
  /** Looking changes nothing and leaves no entry. */
  audit: "none";
  handle(context: ReadContext, input: ParsedInput<I>): Promise<Answer<z.input<O>>>;
}

interface Mutation<I extends OperationInput, O extends z.ZodType> extends Common<I, O> {
  /** Name of the audit entry: `key.create`. */
  audit: `${string}.${string}`;
  handle(context: ChangeContext, input: ParsedInput<I>): Promise<Answer<z.input<O>>>;
}

export interface PostOperation<I extends OperationInput, O extends z.ZodType> extends Mutation<I, O> {
  method: "POST";
  /**
   * How a repeated call is kept from acting twice. `id`: with an `Idempotency-Key` the
   * resource is made under `repeatId`. `known`: with an `Idempotency-Key` what was done is kept
   * with `repeatId`, and the repetition is told of it. `harmless`: doing it twice changes nothing.
   */
  repeat: "id" | "known" | "harmless";
}

export interface ChangeOperation<I extends OperationInput, O extends z.ZodType> extends Mutation<I, O> {
  method: "PUT" | "PATCH" | "DELETE";
}

/** One administrative operation: everything that the listener, the documentation and the tests need to know of it. */
export type Operation<I extends OperationInput = OperationInput, O extends z.ZodType = z.ZodType> =
  | ReadOperation<I, O>
  | PostOperation<I, O>
  | ChangeOperation<I, O>;

/**
 * The only way to make an operation. An operation without a permission does not compile;
 * nor does a mutation without the name of its audit entry, nor a handler that writes
 * anywhere but through `context.change`.
 */
export function defineOperation<const I extends OperationInput, O extends z.ZodType>(
  operation: Operation<I, O>,
): Operation {
  // The handler takes exactly what the schemas of this very operation let through, so
  // forgetting the schemas' types is sound; TypeScript cannot say so.
  return operation as unknown as Operation;
}

/**
 * Promise: what the request names by a provider's id belongs to the application that asks, and lies
 * at one account, under one API. What is another's answers like what does not exist. Stands before
 * authorize, because the model and the API of such a call are those of what it is about.
 */
import { mentionedFiles } from "../domain/catalog/stored-state.ts";
import { GatewayError } from "../errors.ts";
import type { ObjectKind, ObjectOwner, ProviderObject, ProviderObjects } from "../ports/provider-objects.ts";
import type { Part } from "../spec/message.ts";
import type { ObjectCall } from "../spec/operation.ts";
import type { ModelRequest } from "../spec/request.ts";
import { isObjectId } from "../wire/openai-files/index.ts";
import type { Call } from "./call.ts";
import type { Decoded } from "./decode.ts";
import type { Identified } from "./identify.ts";

/** What of the request lies at a provider. */
export interface Objects {
  /** Those that are the caller's; all at one account and of one API. */
  own: readonly ProviderObject[];
  /** Ids in the request that are not the caller's, in their order; another's first. */
  missing: readonly string[];
  /** How many of `missing` are known to be another's. */
  foreign: number;
}

class Ticket {
  protected readonly madeBy = "locate";
  readonly call: Call;
  readonly caller: Identified;
  readonly request: ModelRequest;
  readonly bodyBytes: number;
  readonly objects: Objects;

  constructor(decoded: Decoded, request: ModelRequest, objects: Objects) {
    this.call = decoded.call;
    this.caller = decoded.caller;
    this.request = request;
    this.bodyBytes = decoded.bodyBytes;
    this.objects = objects;
  }
}

export type Located = Ticket;

const NONE: Objects = { own: [], missing: [], foreign: 0 };

export function createLocate(objects: Pick<ProviderObjects, "find">) {
  return function locate(decoded: Decoded): Located | Promise<Located> {
    const { request, caller } = decoded;
    const { operation } = request;
    const owner = ownerOf(caller);
    if (operation?.type === "object" && (operation.id ?? operation.fields.input_file_id) !== undefined) {
      return about(decoded, operation, owner, objects);
    }
    const ids = fileIdsIn(request);
    const mentioned = mentionedIn(request);
    if (ids.length === 0 && mentioned.length === 0) return new Ticket(decoded, request, NONE);
    return within(decoded, ids, mentioned, owner, objects);
  };
}

/** What a request about something at a provider is about, or makes. */
export function kindOf({ dialect, operation }: ModelRequest): ObjectKind {
  if (operation?.type === "object" && operation.name.startsWith("files.")) return "file";
  return dialect === "anthropic-batches" ? "message-batch" : "batch";
}

export function ownerOf({ principal }: Identified): ObjectOwner {
  return { tenantId: principal.tenant.id, applicationId: principal.application.id };
}

/** What is asked about a file or a batch is asked for its model, by its API. */
async function about(
  decoded: Decoded,
  operation: ObjectCall,
  owner: ObjectOwner,
  objects: Pick<ProviderObjects, "find">,
): Promise<Located> {
  const creates = operation.name === "batches.create";
  const kind = creates ? "file" : kindOf(decoded.request);
  const id = creates ? operation.fields.input_file_id : operation.id;
  const { own } = isObjectId(id) ? await objects.find(owner, [id]) : { own: [] };
  const { api } = decoded.caller.match;
  const object = own.find((found) => found.kind === kind && (api === null || found.api === api));
  if (object === undefined) throw notHere(kind, String(id), creates ? "input_file_id" : null);
  const asked: ObjectCall = creates ? { ...operation, most: mostOf(operation, object) } : operation;
  const request = { ...decoded.request, model: object.model, operation: asked };
  return new Ticket(decoded, request, { own: [object], missing: [], foreign: 0 });
}

/** A batch does what was judged when its file came, and nothing else. */
function mostOf({ fields }: ObjectCall, { batch, kind }: ProviderObject): { input: number; output: number } {
  if (batch === null || kind !== "file") {
    throw refused("input_file_id", "must be a file that was uploaded here with the purpose batch");
  }
  if (fields.endpoint !== batch.url)
    throw refused("endpoint", `must be ${batch.url}, which the lines of the file call`);
  return { input: batch.input, output: batch.output };
}

async function within(
  decoded: Decoded,
  ids: readonly string[],
  mentioned: readonly string[],
  owner: ObjectOwner,
  objects: Pick<ProviderObjects, "find">,
): Promise<Located> {
  const { api } = decoded.caller.match;
  const found = await objects.find(owner, [...ids, ...mentioned]);
  const own = new Map<string, ProviderObject>();
  const named = new Set(ids);
  for (const object of found.own) {
    if (!named.has(object.id) || own.has(object.id)) continue;
    if (object.kind === "file" && (api === null || object.api === api)) own.set(object.id, object);
  }
  const [first, ...rest] = own.values();
  if (rest.some(({ provider, api: other }) => provider !== first!.provider || other !== first!.api)) {
    throw refused("file_id", "must not name files of several accounts or APIs: upload them for one model, by one API");
  }
  const unknown = ids.filter((id) => !own.has(id));
  const others = new Set(found.foreign);
  const foreign = [...unknown, ...mentioned].filter((id) => others.has(id));
  const missing = [...foreign, ...unknown.filter((id) => !others.has(id))];
  return new Ticket(decoded, decoded.request, { own: [...own.values()], missing, foreign: foreign.length });
}

/** What else names a file. An API that lets it pass, as `storedState` does, still lets nobody name another's. */
function mentionedIn(request: ModelRequest): string[] {
  if (request.calls === undefined) return mentionedFiles(request);
  return [request, ...request.calls.map((call) => call.request)].flatMap(mentionedFiles);
}

/** Ids of files in conversations of OpenAI's dialects, in which files are kept here; each once. */
function fileIdsIn(request: ModelRequest): string[] {
  const ids = new Set<string>();
  const look = (part: Part) => {
    if ((part.type === "image" || part.type === "document") && part.source.kind === "file") ids.add(part.source.fileId);
    else if (part.type === "tool-result") for (const inner of part.content) look(inner);
  };
  for (const { dialect, messages } of [request, ...(request.calls ?? []).map((call) => call.request)]) {
    if (dialect !== "openai-chat" && dialect !== "openai-responses") continue;
    for (const message of messages) for (const part of message.parts) look(part);
  }
  return [...ids];
}

/** @param hint what may be done about it */
export function notHere(kind: ObjectKind, id: string, param: string | null, hint = ""): GatewayError {
  const shown = JSON.stringify(id.slice(0, 100));
  return new GatewayError("object_not_found", `There is no ${kind} ${shown} for this key.${hint}`, { param });
}

function refused(field: string, must: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${must}.`, { param: field });
}

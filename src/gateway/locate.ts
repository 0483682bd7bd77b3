/**
 * Promise: what the request names by a provider's id belongs to the application that asks, and lies
 * at one account, under one API. What is another's answers like what does not exist. Stands before
 * authorize, because the model and the API of such a call are those of what it is about.
 */
import type { Mentioned } from "../domain/catalog/stored-state.ts";
import { GatewayError } from "../errors.ts";
import type { ObjectKind, ObjectOwner, ProviderObject, ProviderObjects } from "../ports/provider-objects.ts";
import type { ObjectCall } from "../spec/operation.ts";
import type { ModelRequest } from "../spec/request.ts";
import { isObjectId } from "../wire/openai-files/index.ts";
import type { Call } from "./call.ts";
import type { Decoded } from "./decode.ts";
import type { Identified } from "./identify.ts";
import { checkWritten, mentionedIn, type Named, namedIn, refused } from "./objects/named.ts";

/** What of the request lies at a provider. */
export interface Objects {
  /** Those that are the caller's; all at one account and of one API. */
  own: readonly ProviderObject[];
  /** What the request names that is not the caller's, in its order; another's first. */
  missing: readonly Named[];
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
    this.call.reached.request = request;
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
    const named = namedIn(request);
    const mentioned = mentionedIn(request);
    if (named.size === 0 && mentioned.length === 0) return new Ticket(decoded, request, NONE);
    for (const each of [...named.values(), ...mentioned]) checkWritten(each);
    return within(decoded, named, mentioned, owner, objects);
  };
}

/** What a request about something at a provider is about, or makes. */
export function kindOf({ dialect, operation }: ModelRequest): ObjectKind {
  if (operation?.type === "object" && operation.name.startsWith("files.")) return "file";
  if (operation?.type === "object" && operation.name.startsWith("responses.")) return "response";
  return dialect === "anthropic-batches" ? "message-batch" : "batch";
}

export function ownerOf({ principal }: Identified): ObjectOwner {
  return { tenantId: principal.tenant.id, applicationId: principal.application.id };
}

/** What is asked about something that is kept is asked for its model, by its API. */
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
  named: ReadonlyMap<string, Named>,
  mentioned: readonly Mentioned[],
  owner: ObjectOwner,
  objects: Pick<ProviderObjects, "find">,
): Promise<Located> {
  const { api } = decoded.caller.match;
  const found = await objects.find(owner, [...named.keys(), ...mentioned.map(({ id }) => id)]);
  const own = new Map<string, ProviderObject>();
  for (const object of found.own) {
    if (named.get(object.id)?.kind !== object.kind || own.has(object.id)) continue;
    if (api === null || object.api === api) own.set(object.id, object);
  }
  const [first, ...rest] = own.values();
  const apart = rest.find(({ provider, api: other }) => provider !== first!.provider || other !== first!.api);
  if (apart !== undefined) {
    const { field } = named.get(apart.kind === "response" ? apart.id : first!.id)!;
    const must = "must not name what lies at another account, or was made by another API, than the rest";
    throw refused(field, `${must}: upload files for one model, by one API`);
  }
  const unknown = [...named.values()].filter(({ id }) => !own.has(id));
  const others = new Set(found.foreign);
  const beside = mentioned.filter(({ id }) => !named.has(id)).map((each): Named => ({ ...each, kind: "file" }));
  const foreign = [...unknown, ...beside].filter(({ id }) => others.has(id));
  const missing = [...foreign, ...unknown.filter(({ id }) => !others.has(id))];
  return new Ticket(decoded, decoded.request, { own: [...own.values()], missing, foreign: foreign.length });
}

/** @param hint what may be done about it */
export function notHere(kind: ObjectKind, id: string, param: string | null, hint = ""): GatewayError {
  const shown = JSON.stringify(id.slice(0, 100));
  return new GatewayError("object_not_found", `There is no ${kind} ${shown} for this key.${hint}`, { param });
}

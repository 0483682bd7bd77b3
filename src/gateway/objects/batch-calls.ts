import { GatewayError } from "../../errors.ts";
import { MAX_BATCH_CALLS, MAX_BATCH_NODES, MAX_MODEL_NAME } from "../../kernel/bounds.ts";
import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type { FormFile } from "../../spec/operation.ts";
import type { BatchCall, ModelRequest } from "../../spec/request.ts";
import { InvalidRequest, type Wire } from "../../spec/wire.ts";
import { anthropicMessages } from "../../wire/anthropic-messages/index.ts";
import { refuseChosenUpstream } from "../../wire/chosen-upstream.ts";
import { openaiChat } from "../../wire/openai-chat/index.ts";
import { openaiCompletions } from "../../wire/openai-completions/index.ts";
import { openaiEmbeddings } from "../../wire/openai-embeddings/index.ts";
import { openaiResponses } from "../../wire/openai-responses/index.ts";
import { Fields } from "../../wire/read.ts";
import { moderation } from "../../wire/relayed/index.ts";
import { parseBody } from "../arrival/body.ts";
import type { Call } from "../call.ts";
import { inCall } from "../telling/in-call.ts";
import { turn } from "../turn.ts";

/** What a batch may call, without the version before it, which Azure leaves out (https://platform.openai.com/docs/guides/batch). */
const WIRES: Readonly<Record<string, Wire>> = {
  "/chat/completions": openaiChat,
  "/responses": openaiResponses,
  "/completions": openaiCompletions,
  "/embeddings": openaiEmbeddings,
  "/moderations": moderation,
};

const KNOWN = Object.keys(WIRES)
  .map((path) => `/v1${path}`)
  .join(", ");

/** What is paid for another way of being served is not what a batch is charged. */
const USUAL_TIERS: ReadonlySet<string> = new Set(["auto", "default", "standard_only"]);

const LINE_FIELDS = ["custom_id", "method", "url", "body"];
const MAX_CUSTOM_ID = 512;

/**
 * The calls in a file of calls (JSON lines), each read as the endpoint reads it that it is for; all
 * for one endpoint and one model, as OpenAI has it. @throws GatewayError naming the line and its field
 */
export async function readCalls(file: FormFile, call: Call): Promise<BatchCall[]> {
  boundNodes(file.bytes);
  const calls = new Calls();
  let line = 0;
  for (const bytes of linesOf(file.bytes)) {
    line++;
    if (isBlank(bytes)) continue;
    if (calls.all.length === MAX_BATCH_CALLS) throw refused("file", `must have at most ${MAX_BATCH_CALLS} calls`);
    calls.add({ line }, (first) => ofLine(new Fields(parsed(bytes), ""), bytes.length, first));
    await turn(call, line);
  }
  if (calls.all.length === 0) throw refused("file", "must have at least one call, as a line of JSON");
  return calls.all;
}

/** The calls in a list of Anthropic's, all for one model. @throws GatewayError naming the place and its field */
export async function readListedCalls(
  list: readonly Json[],
  headers: ModelRequest["headers"],
  call: Call,
): Promise<BatchCall[]> {
  const calls = new Calls();
  for (const [request, value] of list.entries()) {
    calls.add({ request }, (first) => ofItem(value, headers, first));
    await turn(call, calls.all.length);
  }
  return calls.all;
}

type Read = Omit<BatchCall, "place">;

/** Calls as they are read; each has a name of its own. */
class Calls {
  readonly all: BatchCall[] = [];
  readonly #names = new Set<string>();

  add(place: BatchCall["place"], read: (first: BatchCall | undefined) => Read): void {
    try {
      const call = read(this.all[0]);
      if (this.#names.has(call.customId)) throw refused("custom_id", "must be another one than those before it");
      this.#names.add(call.customId);
      this.all.push({ ...call, place });
    } catch (thrown) {
      if (thrown instanceof InvalidRequest) throw inCall(place, invalid(thrown));
      throw thrown instanceof GatewayError ? inCall(place, thrown) : thrown;
    }
  }
}

function ofLine(fields: Fields, bytes: number, first: BatchCall | undefined): Read {
  refuseUnknown(fields, LINE_FIELDS);
  const customId = nameIn(fields);
  if (fields.string("method") !== "POST") fields.fail("method", "must be POST");
  const url = fields.requiredString("url");
  const path = url.replace(/^\/v1(?=\/)/, "");
  if (!Object.hasOwn(WIRES, path)) fields.fail("url", `must be one of ${KNOWN}`);
  if (first !== undefined && url !== first.url) {
    fields.fail("url", "must be that of the first line: a batch has one endpoint");
  }
  return { customId, url, request: requestIn(fields, "body", WIRES[path]!, first), bytes };
}

function ofItem(value: Json, headers: ModelRequest["headers"], first: BatchCall | undefined): Read {
  if (!isObject(value)) throw new InvalidRequest(null, "must be an object");
  const fields = new Fields(value, "");
  refuseUnknown(fields, ["custom_id", "params"]);
  const customId = nameIn(fields);
  const request = requestIn(fields, "params", anthropicMessages, first);
  if (headers !== undefined) request.headers = headers;
  return { customId, url: "", request, bytes: Buffer.byteLength(JSON.stringify(value)) };
}

function refuseUnknown(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields.value)) {
    if (!known.includes(name)) fields.fail(name.slice(0, 200), "is not a field of a batch's call");
  }
}

function nameIn(fields: Fields): string {
  const name = fields.requiredString("custom_id");
  if (name !== "" && name.length <= MAX_CUSTOM_ID) return name;
  return fields.fail("custom_id", `must have 1 to ${MAX_CUSTOM_ID} characters`);
}

/** The call in a field, as its endpoint reads it. */
function requestIn(fields: Fields, name: string, wire: Wire, first: BatchCall | undefined): ModelRequest {
  const body = fields.object(name) ?? fields.fail(name, "is required and must be an object");
  const model = body.string("model") ?? body.fail("model", "is required and must be a string");
  if (model.length > MAX_MODEL_NAME) body.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
  if (first !== undefined && model !== first.request.model) {
    body.fail("model", "must be that of the first call: a batch is for one model");
  }
  return requestOf(body.value, name, wire);
}

function requestOf(body: JsonObject, name: string, wire: Wire): ModelRequest {
  try {
    const request = wire.decode(body);
    if (request.stream) throw new InvalidRequest("stream", "stream must not be true: a batch streams nothing");
    if (request.serviceTier !== undefined && !USUAL_TIERS.has(request.serviceTier)) {
      throw new InvalidRequest("service_tier", "service_tier must not ask for a tier: a batch has one of its own");
    }
    refuseChosenUpstream(request);
    return request;
  } catch (thrown) {
    if (!(thrown instanceof InvalidRequest) || thrown.field === null) throw thrown;
    const field = `${name}.${thrown.field}`;
    throw new InvalidRequest(
      field,
      thrown.message.replace(thrown.field, () => field),
    );
  }
}

function parsed(bytes: Uint8Array): JsonObject {
  try {
    return parseBody(bytes);
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    throw new GatewayError(thrown.code, thrown.public.replace("The body", "it"), {
      cause: thrown,
      param: thrown.param,
    });
  }
}

function invalid({ field, message }: InvalidRequest): GatewayError {
  return new GatewayError("invalid_request", message, { param: field });
}

function refused(field: string, must: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${must}`, { param: field });
}

const NEWLINE = 10;

function* linesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found === -1 ? bytes.length : found;
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13);
}

/** What opens or goes on, in texts too, so that all lines together cannot take more memory than they seem to. */
function boundNodes(bytes: Uint8Array): void {
  let nodes = 0;
  for (const byte of bytes) if (byte === 44 || byte === 91 || byte === 123) nodes++;
  if (nodes > MAX_BATCH_NODES) throw refused("file", `must have at most ${MAX_BATCH_NODES} commas and brackets`);
}

import { GatewayError } from "../errors.ts";
import { MAX_BATCH_CALLS, MAX_BATCH_NODES, MAX_MODEL_NAME } from "../kernel/bounds.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { FormFile } from "../spec/operation.ts";
import type { BatchCall } from "../spec/request.ts";
import { InvalidRequest, type Wire } from "../spec/wire.ts";
import { refuseChosenUpstream } from "../wire/chosen-upstream.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import { openaiCompletions } from "../wire/openai-completions/index.ts";
import { openaiEmbeddings } from "../wire/openai-embeddings/index.ts";
import { openaiResponses } from "../wire/openai-responses/index.ts";
import { Fields } from "../wire/read.ts";
import { moderation } from "../wire/relayed/index.ts";
import { parseBody } from "./body.ts";
import type { Call } from "./call.ts";
import { inLine, turn } from "./in-line.ts";

/** What a batch may call, without the version before it, which Azure leaves out (https://platform.openai.com/docs/guides/batch). */
const WIRES: Readonly<Record<string, Wire>> = {
  "/chat/completions": openaiChat,
  "/responses": openaiResponses,
  "/completions": openaiCompletions,
  "/embeddings": openaiEmbeddings,
  "/moderations": moderation,
};

const LINE_FIELDS = ["custom_id", "method", "url", "body"];
const MAX_CUSTOM_ID = 512;

/**
 * The calls in a file of calls (JSON lines), each read as the endpoint reads it that it is for; all
 * for one endpoint and one model, as OpenAI has it. @throws GatewayError naming the line and its field
 */
export async function readCalls(file: FormFile, call: Call): Promise<BatchCall[]> {
  boundNodes(file.bytes);
  const calls: BatchCall[] = [];
  const names = new Set<string>();
  let line = 0;
  for (const bytes of linesOf(file.bytes)) {
    line++;
    if (isBlank(bytes)) continue;
    if (calls.length === MAX_BATCH_CALLS) throw refused("file", `must have at most ${MAX_BATCH_CALLS} calls`);
    const read = readCall(bytes, line, calls[0]);
    if (names.has(read.customId)) {
      throw inLine(line, refused("custom_id", "must be another one than those before it"));
    }
    names.add(read.customId);
    calls.push(read);
    await turn(call, line);
  }
  if (calls.length === 0) throw refused("file", "must have at least one call, as a line of JSON");
  return calls;
}

function readCall(bytes: Uint8Array, line: number, first: BatchCall | undefined): BatchCall {
  try {
    const fields = new Fields(parsed(bytes), "");
    for (const name of Object.keys(fields.value)) {
      if (!LINE_FIELDS.includes(name)) fields.fail(name.slice(0, 200), "is not a field of a batch's call");
    }
    const customId = fields.requiredString("custom_id");
    if (customId === "" || customId.length > MAX_CUSTOM_ID) {
      fields.fail("custom_id", `must have 1 to ${MAX_CUSTOM_ID} characters`);
    }
    if (fields.string("method") !== "POST") fields.fail("method", "must be POST");
    const url = fields.requiredString("url");
    const path = url.replace(/^\/v1(?=\/)/, "");
    if (!Object.hasOwn(WIRES, path)) {
      fields.fail(
        "url",
        `must be one of ${Object.keys(WIRES)
          .map((known) => `/v1${known}`)
          .join(", ")}`,
      );
    }
    if (first !== undefined && url !== first.url)
      fields.fail("url", "must be that of the first line: a batch has one endpoint");
    const body = fields.object("body") ?? fields.fail("body", "is required and must be an object");
    const model = body.string("model") ?? body.fail("model", "is required and must be a string");
    if (model.length > MAX_MODEL_NAME) body.fail("model", `must have 1 to ${MAX_MODEL_NAME} characters`);
    if (first !== undefined && model !== first.request.model) {
      body.fail("model", "must be that of the first line: a batch is for one model");
    }
    return { line, customId, url, request: requestOf(body.value, WIRES[path]!), bytes: bytes.length };
  } catch (thrown) {
    if (thrown instanceof InvalidRequest) throw inLine(line, invalid(thrown));
    throw thrown instanceof GatewayError ? inLine(line, thrown) : thrown;
  }
}

function requestOf(body: JsonObject, wire: Wire): BatchCall["request"] {
  try {
    const request = wire.decode(body);
    if (request.stream) throw new InvalidRequest("stream", "stream must not be true: a batch streams nothing");
    refuseChosenUpstream(request);
    return request;
  } catch (thrown) {
    if (!(thrown instanceof InvalidRequest) || thrown.field === null) throw thrown;
    throw new InvalidRequest(
      `body.${thrown.field}`,
      thrown.message.replace(thrown.field, () => `body.${thrown.field}`),
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

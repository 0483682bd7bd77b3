/**
 * Promise: bytes became a request in canonical form, or a 400 that names the field.
 * Stands after identify, because reading and parsing are what a stranger could make
 * expensive.
 */
import { GatewayError } from "../errors.ts";
import { PARSED_CALL_BYTES } from "../kernel/bounds.ts";
import type { Json } from "../kernel/json.ts";
import type { ModelRequest } from "../spec/request.ts";
import { InvalidRequest, type Wire } from "../spec/wire.ts";
import { refuseChosenUpstream } from "../wire/chosen-upstream.ts";
import { MODEL_HEADER } from "../wire/openai-files/index.ts";
import { type BodyLedger, claim, parseBody, readBody } from "./arrival/body.ts";
import { isForm, readForm } from "./arrival/form.ts";
import type { Call } from "./call.ts";
import type { Identified } from "./identify.ts";
import { readCalls, readListedCalls } from "./objects/batch-calls.ts";

class Ticket {
  protected readonly madeBy = "decode";
  readonly call: Call;
  readonly caller: Identified;
  readonly request: ModelRequest;
  /** Length of the body as it came; what the request can cost is bounded by it. */
  readonly bodyBytes: number;

  constructor(caller: Identified, request: ModelRequest, bodyBytes: number) {
    this.call = caller.call;
    this.caller = caller;
    this.request = request;
    this.bodyBytes = bodyBytes;
    this.call.reached.request = request;
  }
}

export type Decoded = Ticket;

export interface DecodeSettings {
  maxBodyBytes: number;
  bodyMs: number;
}

export function createDecode(settings: DecodeSettings, ledger: BodyLedger) {
  return async function decode(caller: Identified): Promise<Decoded> {
    const { call } = caller;
    const { wire } = caller.match.endpoint;
    if (wire.bodiless !== true) checkMediaType(call.headers, wire);
    const bytes = await readBody(call, ledger, settings.maxBodyBytes, settings.bodyMs);
    try {
      const request = await requestOf(bytes, caller);
      refuseChosenUpstream(request);
      const headers = dialectHeaders(call.headers, wire.requestHeaders);
      if (headers !== undefined) request.headers = headers;
      if (request.operation?.type === "object") await readFile(request, call);
      // Parsed, many short calls take more memory than their text.
      if (request.calls !== undefined) claim(call, ledger, request.calls.length * PARSED_CALL_BYTES);
      return new Ticket(caller, request, bytes.length);
    } catch (thrown) {
      if (thrown instanceof InvalidRequest) {
        throw new GatewayError("invalid_request", thrown.message, { param: thrown.field });
      }
      throw thrown;
    }
  };
}

async function requestOf(bytes: Uint8Array, { call, match }: Identified): Promise<ModelRequest> {
  const { wire } = match.endpoint;
  const address = { params: match.params, query: call.arrival.query };
  if (wire.bodiless === true) return wire.decode({}, address);
  const type = call.headers["content-type"];
  if (wire.decodeForm === undefined || !isForm(type)) return wire.decode(parseBody(bytes, wire.maxValues), address);
  const { fields, files } = await readForm(bytes, type!);
  return wire.decodeForm(fields, files, address);
}

/** What is sent for a batch holds calls, whose model is that of the request; of any other file, the caller names it. */
async function readFile(request: ModelRequest, call: Call): Promise<void> {
  const { operation } = request;
  if (operation?.type !== "object") return;
  if (operation.fields.requests !== undefined) {
    request.calls = await readListedCalls(operation.fields.requests as Json[], request.headers, call);
    request.model = request.calls[0]!.request.model;
  }
  if (operation.file === undefined) return;
  const named = request.model === "" ? request.headers?.[MODEL_HEADER] : request.model;
  if (operation.fields.purpose === "batch") {
    request.calls = await readCalls(operation.file, call);
    request.model = request.calls[0]!.request.model;
    if (named !== undefined && named !== request.model) {
      throw new InvalidRequest("model", "model must be that of the file's calls, or be left out");
    }
  } else if (named === undefined || named === "") {
    const how = `is required: the model that shall read the file, in the form or in the header ${MODEL_HEADER}`;
    throw new InvalidRequest("model", `model ${how}`);
  } else request.model = named;
  refuseChosenUpstream(request);
}

function checkMediaType(headers: Call["headers"], wire: Wire): void {
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json" && (wire.decodeForm === undefined || !isForm(type))) {
    throw new GatewayError("unsupported_media_type", "The body must be sent with content-type: application/json.", {
      param: "content-type",
    });
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new GatewayError(
      "unsupported_media_type",
      "A compressed body is not taken; send it without content-encoding.",
      { param: "content-encoding" },
    );
  }
}

/** The headers that the caller's dialect defines; no other header of the caller's goes any further. */
function dialectHeaders(
  headers: Call["headers"],
  names: readonly string[] | undefined,
): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const name of names ?? []) {
    const value = headers[name];
    if (value === undefined) continue;
    found ??= {};
    found[name] = value;
  }
  return found;
}

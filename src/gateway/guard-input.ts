/**
 * Promise: what goes on from here has passed every guard that the API puts on prompts, with
 * what had to be masked masked, and is held as it is now. A guard that throws ends the call: it
 * fails closed. Stands after reserve: a denied prompt spends its request count, and probing has a price.
 */
import { maskFor, maskReadings } from "../domain/guardrails/phrases.ts";
import { GatewayError } from "../errors.ts";
import type { DocumentPart, Part } from "../spec/message.ts";
import { givenTokens, type ObjectCall } from "../spec/operation.ts";
import type { BatchCall, ModelRequest } from "../spec/request.ts";
import type { Call } from "./call.ts";
import { decodeText } from "./guarding/encoded-text.ts";
import { maskOperation } from "./guarding/guarded-operation.ts";
import { countInValue } from "./guarding/guarded-values.ts";
import { denial, type Guard, guardsOf, noteVerdict } from "./guarding/guards.ts";
import { type HoldingPorts, heldAsMasked } from "./guarding/hold-masked.ts";
import { countAcross } from "./guarding/neighbouring-texts.ts";
import { countUnmasked } from "./guarding/unmasked-input.ts";
import type { Hold } from "./reserve.ts";
import { inCall } from "./telling/in-call.ts";
import { turn } from "./turn.ts";

class Ticket {
  protected readonly madeBy = "guardInput";
  readonly call: Call;
  readonly hold: Hold;
  readonly request: ModelRequest;

  constructor(hold: Hold, request: ModelRequest) {
    this.call = hold.call;
    this.hold = hold;
    this.request = request;
  }
}

export type CleanRequest = Ticket;

export function createGuardInput(ports: HoldingPorts) {
  return async function guardInput(hold: Hold): Promise<CleanRequest> {
    const guards = guardsOf(hold.grant, "input");
    let { request } = hold.grant;
    for (const guard of guards) {
      request = passed(request, guard, hold.call);
      if (request.calls !== undefined)
        request = { ...request, calls: await allPassed(request.calls, guard, hold.call) };
      else if (request.operation?.type === "object") request = filePassed(request, request.operation, guard, hold.call);
    }
    return new Ticket(hold, await heldAsMasked(hold, request, guards, ports));
  };
}

/** What one guard lets go on of a request. @throws GatewayError guardrail_blocked */
function passed(request: ModelRequest, guard: Guard, call: Call): ModelRequest {
  if (request.operation !== undefined && givenTokens(request.operation) > 0) throw unreadable(guard);
  const judged = mask(request, guard);
  // What cannot be rewritten without knowing what it means is denied even where the rule says mask.
  const elsewhere = countUnmasked(request, guard.matcher) + countAcross(judged.request.messages, guard.matcher);
  noteVerdict(call.observed.verdicts, guard, "input", judged.count + elsewhere);
  if (elsewhere > 0 || (judged.count > 0 && guard.rule.action === "deny")) throw denial(guard, "input");
  return judged.request;
}

/** Every call of a file, each judged as if it had come alone. */
async function allPassed(calls: readonly BatchCall[], guard: Guard, call: Call): Promise<BatchCall[]> {
  const done: BatchCall[] = [];
  for (const each of calls) {
    try {
      const named = countInValue(each.customId, guard.matcher);
      noteVerdict(call.observed.verdicts, guard, "input", named);
      if (named > 0) throw denial(guard, "input");
      done.push({ ...each, request: passed(each.request, guard, call) });
    } catch (thrown) {
      throw thrown instanceof GatewayError ? inCall(each.place, thrown) : thrown;
    }
    await turn(call, done.length);
  }
  return done;
}

/** A file that a model shall read later, judged as if it stood in a prompt. */
function filePassed(request: ModelRequest, operation: ObjectCall, guard: Guard, call: Call): ModelRequest {
  const { file } = operation;
  if (file === undefined) return request;
  const data = Buffer.from(file.bytes).toString("base64");
  const part: DocumentPart = { type: "document", source: { kind: "base64", mediaType: file.mediaType, data } };
  const { operation: _, ...rest } = request;
  const asked: ModelRequest = { ...rest, messages: [{ role: "user", parts: [part] }] };
  const [read] = passed(asked, guard, call).messages[0]!.parts;
  if (read?.type !== "document" || read.source.kind !== "base64" || read.source.data === data) return request;
  return { ...request, operation: { ...operation, file: { ...file, bytes: Buffer.from(read.source.data, "base64") } } };
}

/** Text as the numbers of its tokens would get past every guard. */
function unreadable(guard: Guard): GatewayError {
  return new GatewayError(
    "guardrail_blocked",
    `The guardrail "${guard.rule.name}" reads text, and the input came as tokens; send it as text.`,
  );
}

/** The request with one guard's matches masked in every turn, tool result, tool call and tool description. */
function mask(request: ModelRequest, guard: Guard): { request: ModelRequest; count: number } {
  let count = 0;
  const mark = maskFor(guard.rule.name, guard.matcher);
  const clean = (text: string, isJson = false): string => {
    const masked = maskReadings(text, guard.matcher, mark, isJson);
    count += masked.count;
    return masked.text;
  };
  const part = (given: Part): Part => {
    switch (given.type) {
      case "text":
      case "reasoning":
      case "refusal":
        return { ...given, text: clean(given.text) };
      case "tool-call":
        return { ...given, arguments: clean(given.arguments, true) };
      case "tool-result":
        return { ...given, content: given.content.map((item) => part(item) as typeof item) };
      case "document":
        return { ...given, source: maskDocument(given.source, clean) };
      default:
        return given;
    }
  };
  const messages = request.messages.map((message) => ({ ...message, parts: message.parts.map(part) }));
  const tools = request.tools?.map((tool) =>
    tool.type === "function" && tool.description !== undefined
      ? { ...tool, description: clean(tool.description) }
      : tool,
  );
  const masked: ModelRequest = { ...request, messages };
  if (tools !== undefined) masked.tools = tools;
  if (request.operation !== undefined) masked.operation = maskOperation(request.operation, (text) => clean(text));
  return { request: masked, count };
}

/** A text that came as bytes stays bytes: not every provider takes it otherwise. */
function maskDocument(source: DocumentPart["source"], clean: (text: string) => string): DocumentPart["source"] {
  if (source.kind === "text") return { ...source, text: clean(source.text) };
  if (source.kind !== "base64") return source;
  const decoded = decodeText(source.data, source.mediaType);
  // What cannot be written back as it was is judged in `unmasked-input.ts`.
  if (decoded === undefined || !decoded.exact) return source;
  const text = clean(decoded.text);
  return text === decoded.text ? source : { ...source, data: Buffer.from(text).toString("base64") };
}

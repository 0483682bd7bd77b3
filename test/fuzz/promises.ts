import { isObject, type Json } from "../../src/kernel/json.ts";
import { ADAPTERS } from "../../src/providers/adapters.ts";
import { MalformedAnswer, type ProviderAdapter, UnsupportedFeature } from "../../src/spec/adapter.ts";
import type { EventPart } from "../../src/spec/event.ts";
import type { ModelRequest } from "../../src/spec/request.ts";
import { InvalidRequest, type RequestAddress } from "../../src/spec/wire.ts";
import { FRAMERS } from "../../src/wire/framers.ts";
import { FRONTS, type Front } from "../conformance/fronts.ts";
import { faultsOf } from "../support/recordings.ts";

/** What every decoder promises whatever it is given: an answer, or an error of its own kind; soon, and in few words. */

/** Far more than any of them needs, on a machine with other things to do. */
const MAX_MS = 2_000;

const CONTEXT = { requestId: "call_01abc", created: 1 };

/** The providers' dialects, each once: lookalikes read with the same decoder. */
export const PROVIDERS: readonly ProviderAdapter[] = distinct();

function distinct(): ProviderAdapter[] {
  const openai = ADAPTERS.find(({ kind }) => kind === "openai")!;
  const asked = (dialect: ModelRequest["dialect"]) => openai.variant!(requestAs(dialect, true), "m", {});
  const own = ADAPTERS.filter(({ local }) => local === undefined).map((adapter) => [adapter.dialect, adapter] as const);
  return [...new Map([...own.reverse(), ["openai-responses", asked("openai-responses")] as const]).values()];
}

export function requestAs(dialect: ModelRequest["dialect"], stream: boolean): ModelRequest {
  return { dialect, model: "m", messages: [], stream, includeUsage: true };
}

export type Outcome = "refused" | "taken";

/** A request that anybody may send: refused by name, or understood; and then every provider writes it or says why not. */
export function tryRequest(front: Front, body: Json, address: RequestAddress, stream: boolean): Outcome {
  if (!isObject(body)) return "refused";
  const began = performance.now();
  let request: ModelRequest;
  try {
    request = front.wire(stream).decode(body, address);
  } catch (thrown) {
    if (!(thrown instanceof InvalidRequest)) throw thrown;
    if (thrown.message.length > 2_000) throw new Error(`an error of ${thrown.message.length} characters`);
    return "refused";
  }
  for (const adapter of PROVIDERS) {
    try {
      JSON.stringify(adapter.encode(request, "m").body);
    } catch (thrown) {
      if (!(thrown instanceof UnsupportedFeature) && !(thrown instanceof InvalidRequest)) throw thrown;
    }
  }
  soon(began);
  return "taken";
}

/** A whole answer, as text. */
export function tryAnswer(adapter: ProviderAdapter, text: string): Outcome {
  return told((front) => [adapter.decoder(requestAs(front.dialect, false)).unary(text)], text.length);
}

/** A stream, as bytes that come in reads of these sizes. */
export function tryStream(adapter: ProviderAdapter, bytes: Uint8Array, size: number): Outcome {
  return told((front) => {
    const decoder = adapter.decoder(requestAs(front.dialect, true));
    const framer = FRAMERS[adapter.framing ?? "sse"].framer();
    const batches: EventPart[][] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const frame of framer.push(bytes.slice(at, at + size))) batches.push(decoder.frame(frame));
    }
    for (const frame of framer.close()) batches.push(decoder.frame(frame));
    return [...batches, decoder.close()];
  }, bytes.length);
}

/** What is read must be in order, and every front must be able to say it. */
function told(read: (front: Front) => EventPart[][], length: number): Outcome {
  let outcome: Outcome = "taken";
  for (const front of FRONTS) {
    const began = performance.now();
    let batches: EventPart[][];
    try {
      batches = read(front);
    } catch (thrown) {
      if (!(thrown instanceof MalformedAnswer)) throw thrown;
      outcome = "refused";
      continue;
    }
    const parts = batches.flat();
    const last = parts.at(-1)?.type;
    const faults = faultsOf(parts).filter((fault) => last !== "error" || !fault.endsWith("never ends"));
    if (faults.length > 0) throw new Error(`${front.name}: ${faults.join(", ")}`);
    const encoder = front.wire(true).encoder(requestAs(front.dialect, true), CONTEXT);
    const stream = batches.map((batch) => encoder.frames(batch)).join("");
    if (last !== "error") {
      const whole = front.wire(false).encoder(requestAs(front.dialect, false), CONTEXT).unary(parts);
      if (!isObject(JSON.parse(whole) as Json)) throw new Error(`${front.name}: no object`);
    } else if (/data: \[DONE\]|"type":"(?:message_stop|response\.completed)"/.test(stream)) {
      throw new Error(`${front.name}: a clean end behind an error`);
    }
    // A frame of a few bytes may become an event of some hundred; it never becomes many.
    if (stream.length > 20_000 + length * 200) throw new Error(`${front.name}: ${stream.length} of ${length} bytes`);
    soon(began);
  }
  return outcome;
}

function soon(began: number): void {
  const ms = performance.now() - began;
  if (ms > MAX_MS) throw new Error(`took ${Math.round(ms)} ms`);
}

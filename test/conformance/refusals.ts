import { isObject, type Json, type JsonObject } from "../../src/kernel/json.ts";
import { REFUSAL_OF_STATUS, REFUSED_OTHERWISE } from "../support/fidelity-differences.ts";
import type { Digests } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import { FRONTS, type Front } from "./fronts.ts";
import type { Got, House } from "./house.ts";
import { type Played, rowOf } from "./replay.ts";

/** The words of a provider's refusal, in whichever of the known envelopes. */
export function messageOf(body: Json): string {
  const told = Array.isArray(body) ? (body[0] ?? null) : body;
  if (!isObject(told)) return String(told);
  const { error, message, detail } = told;
  const said = isObject(error) ? error.message : (error ?? message ?? told.Message ?? detail);
  return String(said).slice(0, 500);
}

/** What is wrong with the envelope in which a front tells of an error, and the message in it. */
export function envelopeOf({ dialect }: Front, body: Json): { message: string; faults: string[] } {
  if (!isObject(body)) return { message: "", faults: ["no object"] };
  const { error } = body;
  if (dialect === "ollama") {
    return typeof error === "string" ? { message: error, faults: [] } : { message: "", faults: ["no error"] };
  }
  if (!isObject(error) || typeof error.message !== "string") return { message: "", faults: ["no error"] };
  const faults: string[] = [];
  if (dialect === "anthropic-messages" && (body.type !== "error" || typeof error.type !== "string"))
    faults.push("type");
  if (dialect === "gemini" && (typeof error.code !== "number" || typeof error.status !== "string")) faults.push("code");
  if (dialect.startsWith("openai") && !("type" in error && "code" in error && "param" in error)) faults.push("fields");
  return { message: error.message, faults };
}

/** What a caller should have been told of a refusal, and was not. */
function missing(front: Front, { exchange }: Played, got: Got): string[] {
  const { status, json, text } = exchange.response;
  const wanted = REFUSAL_OF_STATUS[status] ?? { status, quoted: true };
  const { message, faults } = envelopeOf(front, JSON.parse(got.text) as Json);
  const found = faults.map((fault) => `envelope: ${fault}`);
  if (got.status !== status) found.push(`status ${got.status}`);
  const quoted = message.includes(messageOf((json as Json | undefined) ?? text ?? null));
  if (wanted.quoted === false && quoted) found.push("words about the gateway's account");
  else if (wanted.quoted !== null && !quoted) found.push(`message ${message.slice(0, 300)}`);
  const retry = exchange.response.headers?.["retry-after"];
  if (status === 429 && retry !== undefined && got.headers.get("retry-after") === null) found.push("no retry-after");
  return found;
}

/** Method G: every recorded refusal, to the callers of every front. */
export async function compareRefusals(
  house: House,
  refusals: readonly Played[],
  judge: Digests,
  figures: Figures,
): Promise<void> {
  for (const played of refusals) {
    for (const front of FRONTS) {
      const found = missing(front, played, await house.answer(front, played));
      const { exchange } = played;
      const want = judge.respDigest(played.judged) ?? { error: "" };
      const because = REFUSED_OTHERWISE.find((row) => row.applies({ exchange, want, found }))?.because;
      const name = `${exchange.name} (${exchange.provider})`;
      figures.count(["G", rowOf(played), front.name], { name, genuine: exchange.genuine, found, because });
    }
  }
}

/** A stream that tells of an error: it reaches the caller as one, with its words, and never ends cleanly. */
export function brokenEnd(front: Front, got: Got, words: string, judge: Digests): string[] {
  const { status, text } = got;
  const found: string[] = [];
  const clean = /data: \[DONE\]|"type":"(?:message_stop|response\.completed)"|"done":true/.test(text);
  if (status === 200 && clean) found.push("a clean end");
  const response = status === 200 ? { status, text } : { status, json: JSON.parse(text) as JsonObject };
  const { error } = judge.respDigest({ api: front.api, response });
  if (error === null) found.push("no error");
  else if (!JSON.stringify(error).includes(words)) found.push(`message ${JSON.stringify(error).slice(0, 300)}`);
  return found;
}

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Frame } from "../../src/spec/adapter.ts";
import type { EventPart } from "../../src/spec/event.ts";
import { present } from "./parts.ts";

/**
 * Recorded calls of real providers, from a folder beside the checkout that users do not
 * have. Suites that read it skip themselves, loudly, where it is missing, and fail there
 * under CI=true.
 */
const FOLDER = join(import.meta.dir, "../../../shared");

export const WHERE_RECORDINGS_ARE = "data/fidelity in a folder named shared beside the checkout";

/** The providers' own specifications. */
export const SPECS = join(FOLDER, "data/fidelity/specs");

export interface Exchange {
  /** Where it stands: source, case and number. */
  name: string;
  provider: string;
  api: string;
  model: string;
  /** Whether a provider is known to have said it: not made, edited or rebuilt by hand. */
  genuine: boolean;
  request?: { method: string; url: string; headers: Record<string, string>; json?: JsonObject };
  response: {
    status: number;
    headers: Record<string, string>;
    json?: JsonObject;
    text?: string;
    /** Frames of AWS's event streams. */
    eventstream?: { headers: Record<string, string>; payload: unknown }[];
  };
}

/** What an answer says, in no dialect. */
export interface Digest {
  text: string;
  reasoning: string;
  refusal: string;
  tools: { name: string; args: unknown }[];
  finish: string | null;
  in: number | null;
  out: number | null;
  cached: number | null;
  error: unknown;
}

export interface Digests {
  respDigest(exchange: { api: string; response: { status: number; json?: unknown; text?: string } }): Digest;
  reqDigest(exchange: { api: string; request: { json: unknown } }): JsonObject;
  diff(want: Digest, got: Digest, options?: { reasoning?: boolean; usage?: boolean }): string[];
}

export const recordingsAreHere = existsSync(join(FOLDER, "data/fidelity/index.jsonl"));

interface Recorded {
  exchanges: Exchange[];
  authenticity: string;
}

/** Words by which the recordings' own page says that some of a source are not a provider's. */
const MADE_BY_HAND = /hand-made|hand-edited|hand-written|synthetic/;

/** Call it at the top of a suite. */
export function requireRecordings(suite: string): void {
  present({
    name: `recordings for ${suite}`,
    found: recordingsAreHere,
    how: WHERE_RECORDINGS_ARE,
  });
}

/** Every exchange of these APIs that has an answer, in the order of the index. */
export function recordedExchanges(apis: readonly string[]): Exchange[] {
  if (!recordingsAreHere) return [];
  const folder = join(FOLDER, "data/fidelity");
  const exchanges: Exchange[] = [];
  for (const line of readFileSync(join(folder, "index.jsonl"), "utf8").trim().split("\n")) {
    const entry = JSON.parse(line) as { case: string; file: string; apis: string[] };
    if (!entry.apis.some((api) => apis.includes(api))) continue;
    const recorded = JSON.parse(readFileSync(join(folder, entry.file), "utf8")) as Recorded;
    const genuine = !MADE_BY_HAND.test(recorded.authenticity);
    for (const [index, exchange] of recorded.exchanges.entries()) {
      if (!apis.includes(exchange.api)) continue;
      exchanges.push({ ...exchange, genuine, name: `${entry.case}#${index}` });
    }
  }
  return exchanges;
}

/** The same test, recorded by one author against several providers: the first exchange of each. */
export function parallelRecordings(): { scenario: string; recordings: Exchange[] }[] {
  if (!recordingsAreHere) return [];
  const folder = join(FOLDER, "data/fidelity");
  const groups = JSON.parse(readFileSync(join(folder, "parallel-scenarios.json"), "utf8")) as Record<
    string,
    { file: string }[]
  >;
  return Object.entries(groups).map(([scenario, cases]) => ({
    scenario,
    recordings: cases.flatMap(({ file }) => {
      const { exchanges, authenticity } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Recorded;
      return exchanges[0] === undefined
        ? []
        : [{ ...exchanges[0], genuine: !MADE_BY_HAND.test(authenticity), name: file }];
    }),
  }));
}

export async function loadDigests(): Promise<Digests> {
  return (await import(join(FOLDER, "tools/fidelity/digest.mjs"))) as Digests;
}

/** The events of a recorded stream. Simple on purpose: it must not share a mistake with the framer. */
export function framesOf(text: string): Frame[] {
  const frames: Frame[] = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    let event = "";
    const data: string[] = [];
    for (const line of block.split(/\r?\n/)) {
      if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    }
    if (event !== "" || data.length > 0) frames.push({ event, data: data.join("\n") });
  }
  return frames;
}

/** What is wrong with the order of these parts: every block begins, grows and ends, and the answer ends once. */
export function faultsOf(parts: readonly EventPart[]): string[] {
  const faults: string[] = [];
  const open = new Set<string>();
  const seen = new Set<string>();
  let ended = 0;
  for (const part of parts) {
    if (ended > 0) faults.push(`${part.type} after the end`);
    if (part.type === "end" || part.type === "error") ended++;
    if (!("block" in part)) continue;
    const key = `${part.choice}.${part.block}`;
    if (part.type === "block-start") {
      if (seen.has(key)) faults.push(`block ${key} begins twice`);
      seen.add(key);
      open.add(key);
    } else if (!open.has(key)) {
      faults.push(`${part.type} outside of block ${key}`);
    } else if (part.type === "block-end") {
      open.delete(key);
    }
  }
  if (ended !== 1) faults.push(`${ended} ends`);
  for (const key of open) faults.push(`block ${key} never ends`);
  return faults;
}

import { GatewayError } from "../../errors.ts";
import { type Json, parseBounded } from "../../kernel/json.ts";
import { type EventBatch, type EventPart, rewritten } from "../../spec/event.ts";
import type { RelayedBody } from "../../spec/operation.ts";
import type { EventStream } from "../asking/begun.ts";
import type { Guard } from "./guards.ts";

/** The bytes of a file as what a guard can read: lines of JSON, as the results of a batch are, or a text. */
export async function* readable(events: EventStream, guard: Guard): AsyncGenerator<EventBatch, void, void> {
  const read = (part: EventPart): EventPart => {
    if (part.type !== "result" || part.result.kind !== "body" || !("bytes" in part.result.content)) return part;
    return { ...part, result: { ...part.result, content: contentOf(part.result.content.bytes, guard) } };
  };
  for await (const batch of events) yield batch.map(({ parts }) => rewritten(parts.map(read)));
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws GatewayError guardrail_blocked where it is no text: what cannot be judged is not let out */
function contentOf(bytes: Uint8Array, guard: Guard): RelayedBody["content"] {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw unreadable(guard, cause);
  }
  if (text.includes("\0")) throw unreadable(guard);
  const lines: Json[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const value = parseBounded(line);
    if (typeof value !== "object" || value === null) return { text };
    lines.push(value);
  }
  return lines.length === 0 ? { text } : { lines };
}

function unreadable({ rule }: Guard, cause?: unknown): GatewayError {
  return new GatewayError("guardrail_blocked", `The guardrail "${rule.name}" reads text, and this file is none.`, {
    cause,
  });
}

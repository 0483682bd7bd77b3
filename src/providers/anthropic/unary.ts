import { isObject, type JsonObject, parseBounded, parseMessage } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import {
  type CallersNames,
  type Calls,
  DIALECT,
  finishOf,
  inputText,
  readOpening,
  restOfBlock,
  restOfDelta,
  restOfMessage,
  startOf,
} from "./content.ts";
import { errorInside } from "./errors.ts";
import { UsageReader } from "./usage.ts";

/** A whole message as parts. An error in a 200 is an `error` part. @throws MalformedAnswer */
export function partsOfMessage(body: string, structured: string | undefined, names?: CallersNames): EventPart[] {
  const message = parseBounded(body, parseMessage);
  if (!isObject(message)) throw new MalformedAnswer("the answer is not a JSON object");
  if (message.type === "error") return [{ type: "error", error: errorInside(message) }];
  // Copies of this API tell of an answer that says nothing by no content at all.
  const content = message.content ?? (message.type === "message" ? [] : undefined);
  if (!Array.isArray(content)) throw new MalformedAnswer("the answer has no content array");

  const parts: EventPart[] = [startOf(message)];
  const usage = new UsageReader().read(message.usage);
  if (usage !== undefined) parts.push({ type: "usage", usage });
  const rest = restOfMessage(message);
  if (rest !== undefined) parts.push(rest);

  const calls: Calls = { client: false, structured: false };
  for (let i = 0; i < content.length; i++) {
    const block = content[i];
    if (!isObject(block)) throw new MalformedAnswer(`content[${i}] is not an object`);
    pushBlock(
      parts,
      block,
      i,
      `toolu_${typeof message.id === "string" ? message.id : ""}_${i}`,
      structured,
      names,
      calls,
    );
  }

  const raw = typeof message.stop_reason === "string" ? message.stop_reason : null;
  const strange = restOfDelta({}, raw);
  if (strange !== undefined) parts.push(strange);
  parts.push(finishOf(raw, message.stop_sequence, calls), { type: "end" });
  return parts;
}

function pushBlock(
  parts: EventPart[],
  value: JsonObject,
  block: number,
  madeUpId: string,
  structured: string | undefined,
  names: CallersNames,
  calls: Calls,
): void {
  const { citations, ...plain } = value;
  const cited = value.type === "text" && Array.isArray(citations) && citations.length > 0;
  const open = readOpening(cited ? plain : value, madeUpId, structured, names);
  if (open.rest !== undefined) parts.push(restOfBlock(open.rest));
  parts.push({ type: "block-start", choice: 0, block, content: open.content });
  if (open.structured) {
    calls.structured = true;
    parts.push({ type: "text-delta", choice: 0, block, text: inputText(open.input) });
  } else if (open.content.kind === "tool-call") {
    calls.client = true;
    parts.push({ type: "arguments-delta", choice: 0, block, text: inputText(open.input) });
  }
  if (open.text !== "") parts.push({ type: "text-delta", choice: 0, block, text: open.text });
  if (open.signature !== "") parts.push({ type: "signature-delta", choice: 0, block, signature: open.signature });
  if (cited) {
    for (const citation of citations) {
      if (isObject(citation)) parts.push({ type: "citation", choice: 0, block, dialect: DIALECT, value: citation });
    }
  }
  parts.push({ type: "block-end", choice: 0, block });
}

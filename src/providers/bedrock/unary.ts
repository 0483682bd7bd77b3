import { isObject, type JsonObject, parseBounded, parseMessage } from "../../kernel/json.ts";
import { MalformedAnswer } from "../../spec/adapter.ts";
import type { Block, EventPart } from "../../spec/event.ts";
import { type Calls, callOf, citationOf, finishOf, opaque, usageOf } from "./answer.ts";
import { errorInside } from "./errors.ts";

/** A whole answer of Converse as parts. An error in a 200 is an `error` part. @throws MalformedAnswer */
export function partsOfAnswer(
  body: string,
  answerTool: string | undefined,
  names: ReadonlyMap<string, string> | undefined,
): EventPart[] {
  const answer = parseBounded(body, parseMessage);
  if (!isObject(answer)) throw new MalformedAnswer("the answer is not a JSON object");
  const message = isObject(answer.output) ? answer.output.message : undefined;
  if (!isObject(message)) {
    const error = errorInside(answer);
    if (error !== undefined) return [{ type: "error", error }];
    throw new MalformedAnswer("the answer has no message");
  }
  const content = message.content ?? [];
  if (!Array.isArray(content)) throw new MalformedAnswer("the message's content is not a list");
  const writer = new Writer(answerTool, names);
  for (const [i, block] of content.entries()) {
    if (!isObject(block)) throw new MalformedAnswer(`content[${i}] is not an object`);
    writer.block(block);
  }
  const parts = writer.parts;
  const usage = usageOf(answer.usage, answer.serviceTier);
  if (usage !== undefined) parts.push({ type: "usage", usage });
  parts.push(finishOf(answer.stopReason, answer.additionalModelResponseFields, writer.calls), { type: "end" });
  return parts;
}

class Writer {
  readonly parts: EventPart[] = [{ type: "start" }];
  readonly calls: Calls = { client: false, answer: false };
  readonly #answerTool: string | undefined;
  readonly #names: ReadonlyMap<string, string> | undefined;
  #blocks = 0;

  constructor(answerTool: string | undefined, names: ReadonlyMap<string, string> | undefined) {
    this.#answerTool = answerTool;
    this.#names = names;
  }

  block(value: JsonObject): void {
    if (typeof value.text === "string") this.#write({ kind: "text" }, text(value.text));
    else if (isObject(value.toolUse)) this.#call(value.toolUse);
    else if (isObject(value.reasoningContent)) this.#thought(value.reasoningContent);
    else if (isObject(value.citationsContent)) this.#cited(value.citationsContent);
    else this.#write(opaque(value));
  }

  #call(toolUse: JsonObject): void {
    const { content, isAnswer } = callOf(toolUse, `tooluse_${this.#blocks}`, this.#answerTool, this.#names);
    const input = JSON.stringify(isObject(toolUse.input) ? toolUse.input : {});
    if (isAnswer) this.calls.answer = true;
    else if (content.kind === "tool-call") this.calls.client = true;
    if (content.kind === "opaque") this.#write(content);
    else
      this.#write(
        content,
        isAnswer ? text(input) : (block) => ({ type: "arguments-delta", choice: 0, block, text: input }),
      );
  }

  #thought(value: JsonObject): void {
    if (typeof value.redactedContent === "string") {
      this.#write({ kind: "redacted-reasoning", data: value.redactedContent });
    }
    const thought = value.reasoningText;
    if (!isObject(thought)) return;
    const { signature } = thought;
    const signed: Inside[] =
      typeof signature === "string" && signature !== ""
        ? [(block) => ({ type: "signature-delta", choice: 0, block, signature })]
        : [];
    this.#write({ kind: "reasoning" }, ...(typeof thought.text === "string" ? [text(thought.text)] : []), ...signed);
  }

  /** A text with the citations that it rests on. */
  #cited({ content, citations }: JsonObject): void {
    const pieces = Array.isArray(content) ? content : [];
    const said = pieces.map((piece) => (isObject(piece) && typeof piece.text === "string" ? piece.text : "")).join("");
    const cited = (Array.isArray(citations) ? citations : []).filter(isObject);
    this.#write(
      { kind: "text" },
      text(said),
      ...cited.map((citation) => (block: number) => citationOf(block, citation)),
    );
  }

  #write(content: Block, ...inside: Inside[]): void {
    const block = this.#blocks++;
    this.parts.push({ type: "block-start", choice: 0, block, content });
    for (const make of inside) {
      const part = make(block);
      if (part.type !== "text-delta" || part.text !== "") this.parts.push(part);
    }
    this.parts.push({ type: "block-end", choice: 0, block });
  }
}

type Inside = (block: number) => EventPart;

function text(value: string): Inside {
  return (block) => ({ type: "text-delta", choice: 0, block, text: value });
}

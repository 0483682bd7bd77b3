import type { EventPart, FinishReason, TokenLogprob } from "../../spec/event.ts";
import type { Message, Part } from "../../spec/message.ts";
import type { FunctionTool, ModelRequest } from "../../spec/request.ts";
import { sampleOf } from "./sample.ts";

/**
 * What the demo model says: canned text that says so and repeats some of the question, a
 * call of a tool where it got one, or JSON where JSON was asked for. The same request gets
 * the same answer, always.
 */

/** Characters of a token, about what English takes. */
const TOKEN = 4;
/** Tokens of one piece of a stream. */
const PIECE = 5;
const MAX_ECHO = 200;

interface Answer {
  kind: "text" | "tool-call";
  /** The text, or the tool call's arguments. */
  content: string;
  tool: string;
  finish: FinishReason;
  stopSequence: string | undefined;
}

/** The answer in small batches, as a stream would bring it. */
export function* demoAnswer(request: ModelRequest, model: string): Generator<EventPart[]> {
  const input = tokensOf(textOfRequest(request));
  yield [
    { type: "start", model },
    { type: "usage", usage: { input, output: 0 } },
  ];
  const answer = limited(compose(request), request);
  const earlierCalls = request.messages.flatMap((message) => message.parts).filter(isToolCall).length;
  const choices = request.choices ?? 1;
  for (let choice = 0; choice < choices; choice++) {
    yield* oneAnswer(request, answer, choice, `call_demo_${earlierCalls + choice + 1}`);
  }
  const output = tokensOf(answer.content) * choices;
  yield [{ type: "usage", usage: { input, output } }, { type: "end" }];
}

function* oneAnswer(request: ModelRequest, answer: Answer, choice: number, id: string): Generator<EventPart[]> {
  const isCall = answer.kind === "tool-call";
  const content = isCall ? ({ kind: "tool-call", id, name: answer.tool } as const) : ({ kind: "text" } as const);
  yield [{ type: "block-start", choice, block: 0, content }];
  for (const piece of piecesOf(answer.content)) {
    if (isCall) {
      yield [{ type: "arguments-delta", choice, block: 0, text: piece }];
      continue;
    }
    const parts: EventPart[] = [{ type: "text-delta", choice, block: 0, text: piece }];
    if (request.logprobs === true)
      parts.push({ type: "logprobs", choice, content: logprobsOf(piece, request), refusal: null });
    yield parts;
  }
  const finish: EventPart = { type: "finish", choice, reason: answer.finish, raw: null };
  if (answer.stopSequence !== undefined) finish.stopSequence = answer.stopSequence;
  yield [{ type: "block-end", choice, block: 0 }, finish];
}

function compose(request: ModelRequest): Answer {
  const tool = toolToCall(request);
  if (tool !== undefined) {
    const content = JSON.stringify(sampleOf(tool.parameters ?? { type: "object", properties: {} }));
    return { kind: "tool-call", content, tool: tool.name, finish: "tool-calls", stopSequence: undefined };
  }
  return { kind: "text", content: cannedText(request), tool: "", finish: "stop", stopSequence: undefined };
}

/** The tool that is named, else the first; none once a result has come back, or the caller's loop would never end. */
function toolToCall(request: ModelRequest): FunctionTool | undefined {
  const choice = request.toolChoice;
  if (choice?.type === "none" || resultsAtEnd(request).length > 0) return undefined;
  const tools = (request.tools ?? []).filter((tool): tool is FunctionTool => tool.type === "function");
  const named = choice?.type === "tool" ? tools.find((tool) => tool.name === choice.name) : undefined;
  return named ?? tools[0];
}

function cannedText(request: ModelRequest): string {
  const format = request.responseFormat;
  const results = resultsAtEnd(request);
  const said = results.length > 0 ? quoted(results.map(textOfPart).join(" ")) : quoted(lastUserText(request));
  if (format?.type === "json-schema" && format.schema !== undefined) return JSON.stringify(sampleOf(format.schema));
  if (format?.type === "json" || format?.type === "json-schema") {
    return JSON.stringify({ demo: true, note: "Canned JSON from Sallyport's demo model.", received: said });
  }
  const label = "This is Sallyport's demo model: canned text, no language model behind it.";
  const echo = results.length > 0 ? `The tool that you ran for it gave back: ${said}.` : `You wrote: ${said}.`;
  return `${label} ${echo} Add a provider to the configuration and publish one of its models to get real answers.`;
}

/** Cut at the first stop sequence, and at the token limit. */
function limited(answer: Answer, request: ModelRequest): Answer {
  let { content, finish, stopSequence } = answer;
  if (answer.kind === "text") {
    for (const word of request.stop ?? []) {
      const at = word === "" ? -1 : content.indexOf(word);
      if (at < 0) continue;
      content = content.slice(0, at);
      finish = "stop-sequence";
      stopSequence = word;
    }
  }
  const most = (request.maxOutputTokens ?? Number.MAX_SAFE_INTEGER) * TOKEN;
  if (content.length > most)
    return { ...answer, content: content.slice(0, most), finish: "length", stopSequence: undefined };
  return { ...answer, content, finish, stopSequence };
}

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let i = 0; i < text.length; ) {
    // Never between the two halves of a character beyond the basic plane.
    let end = i + PIECE * TOKEN;
    if (isHighSurrogate(text.charCodeAt(end - 1))) end++;
    pieces.push(text.slice(i, end));
    i = end;
  }
  return pieces;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** The text was certain, so each token's probability is 1. */
function logprobsOf(piece: string, request: ModelRequest): TokenLogprob[] {
  const tokens = piece.match(/[\s\S]{1,4}/gu) ?? [];
  return tokens.map((token) => {
    const bytes = [...new TextEncoder().encode(token)];
    return { token, logprob: 0, bytes, top: (request.topLogprobs ?? 0) > 0 ? [{ token, logprob: 0, bytes }] : [] };
  });
}

function resultsAtEnd(request: ModelRequest): Part[] {
  return request.messages.at(-1)?.parts.filter((part) => part.type === "tool-result") ?? [];
}

function lastUserText(request: ModelRequest): string {
  const message = request.messages.findLast((each) => each.role === "user");
  return message === undefined ? "" : message.parts.map(textOfPart).filter(Boolean).join(" ");
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const characters = [...line];
  return JSON.stringify(characters.length > MAX_ECHO ? `${characters.slice(0, MAX_ECHO).join("")}…` : line);
}

function textOfRequest(request: ModelRequest): string {
  const tools = request.tools === undefined ? "" : JSON.stringify(request.tools);
  return request.messages.map(textOfMessage).join("\n") + tools;
}

function textOfMessage(message: Message): string {
  return message.parts.map(textOfPart).join(" ");
}

function textOfPart(part: Part): string {
  switch (part.type) {
    case "text":
    case "refusal":
    case "reasoning":
      return part.text;
    case "tool-call":
      return part.arguments;
    case "tool-result":
      return part.content.map(textOfPart).join(" ");
    case "image":
    case "audio":
    case "document":
      return `[${part.type}]`;
    case "opaque":
      return "";
  }
}

function isToolCall(part: Part): boolean {
  return part.type === "tool-call";
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / TOKEN);
}

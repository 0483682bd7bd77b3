/**
 * Promise: no event goes on from here that a guard of the API has not passed, streamed or
 * not. A guard that may deny holds the whole answer back until it is judged; one that only
 * masks holds back less than its longest phrase of a text, and a block that only its dialect
 * knows (a custom tool's call, a server-side tool) until the block ends; with a match the
 * block is dropped, as is any other part that cannot be rewritten. Log probabilities are
 * dropped whenever a guard masks: they would spell out what was masked, token by token.
 * The provider's bytes never go on where a guard stands: they say things that no part says
 * (fields that nobody knows), so nobody has judged them. Stands after the count, because what
 * is withheld was paid for.
 */
import { maskFor, maskText, SlidingMask } from "../domain/guardrails/phrases.ts";
import { asJson, asWritten, type Read } from "../domain/guardrails/reading.ts";
import { type EventBatch, type EventPart, type ModelEvent, rewritten } from "../spec/event.ts";
import type { EventStream } from "./begun.ts";
import type { Call } from "./call.ts";
import type { Answer } from "./dispatch.ts";
import { maskResult } from "./guarded-operation.ts";
import { denial, type Guard, guardsOf, noteVerdict } from "./guards.ts";
import { type Judged, UnmaskedOutput } from "./unmasked-output.ts";

class Ticket {
  protected readonly madeBy = "guardOutput";
  readonly call: Call;
  readonly answer: Answer;
  readonly events: EventStream;

  constructor(answer: Answer, events: EventStream) {
    this.call = answer.call;
    this.answer = answer;
    this.events = events;
  }
}

export type CleanAnswer = Ticket;

export function createGuardOutput() {
  return function guardOutput(answer: Answer): CleanAnswer {
    const guards = guardsOf(answer.clean.hold.grant, "output");
    let { events } = answer;
    for (const guard of guards)
      events = guard.rule.action === "deny" ? denying(events, guard, answer) : masking(events, guard, answer);
    return new Ticket(answer, events);
  };
}

/** Lets an answer go only when all of it has been read and none of it matched. */
async function* denying(events: EventStream, guard: Guard, answer: Answer): AsyncGenerator<EventBatch, void, void> {
  const held: EventBatch[] = [];
  const texts = new Map<string, { written: string; read: Read }>();
  const beside = new UnmaskedOutput(guard.matcher);
  let count = 0;
  for await (const batch of events) {
    held.push(batch);
    for (const event of batch) {
      for (const part of event.parts) {
        const text = textOf(part);
        if (text === undefined) count += beside.judge(part).count;
        else texts.set(text.block, { written: (texts.get(text.block)?.written ?? "") + text.text, read: text.read });
      }
    }
  }
  count += beside.end().count;
  for (const { written, read } of texts.values()) count += guard.matcher.find(read(written).text).length;
  noteVerdict(answer.call.observed.verdicts, guard, "output", count);
  if (count > 0) throw denial(guard, "output");
  for (const batch of held) yield batch.map((event) => rewritten(event.parts));
}

/** Masks what comes, block by block, holding back what might still become a match. */
async function* masking(events: EventStream, guard: Guard, answer: Answer): AsyncGenerator<EventBatch, void, void> {
  const mark = maskFor(guard.rule.name, guard.matcher);
  const beside = new UnmaskedOutput(guard.matcher);
  const masks = new Map<string, { mask: SlidingMask; last: TextPart }>();
  let noted = 0;
  const note = () => {
    let count = 0;
    for (const { mask } of masks.values()) count += mask.count;
    noteVerdict(answer.call.observed.verdicts, guard, "output", count - noted);
    noted = count;
  };
  const rewrite = (text: string): string => {
    const masked = maskText(text, guard.matcher, mark);
    noteVerdict(answer.call.observed.verdicts, guard, "output", masked.count);
    return masked.text;
  };
  const take = (judged: Judged, out: EventPart[]) => {
    out.push(...judged.pass);
    if (judged.count > 0) noteVerdict(answer.call.observed.verdicts, guard, "output", judged.count);
  };
  /** What is held back of one block, or of all of them when no more comes. */
  const flush = (out: EventPart[], block?: string): void => {
    for (const [key, { mask, last }] of masks) {
      if ((block === undefined || key === block) && !mask.empty) out.push({ ...last, text: mask.flush() });
    }
    if (block === undefined) take(beside.end(), out);
  };
  const judge = (event: ModelEvent): ModelEvent => {
    const parts: EventPart[] = [];
    for (const part of event.parts) {
      if (part.type === "logprobs" || beside.isDropped(part)) continue;
      if (part.type === "result") {
        parts.push({ ...part, result: maskResult(part.result, rewrite) });
        continue;
      }
      const text = textOf(part);
      if (text === undefined) {
        if (part.type === "block-end") flush(parts, `${part.choice} ${part.block}`);
        else if (ENDS_TEXT.has(part.type)) flush(parts);
        take(beside.judge(part), parts);
        continue;
      }
      let state = masks.get(text.block);
      if (state === undefined) {
        state = { mask: new SlidingMask(guard.matcher, mark, text.read), last: part as TextPart };
        masks.set(text.block, state);
      }
      const clean = state.mask.push(text.text);
      if (clean === text.text) parts.push(part);
      else if (clean !== "") parts.push({ ...(part as TextPart), text: clean });
    }
    return rewritten(parts);
  };
  for await (const batch of events) {
    yield batch.map(judge);
    note();
  }
  const rest: EventPart[] = [];
  flush(rest);
  if (rest.length > 0) yield [rewritten(rest)];
  note();
}

type TextPart = Extract<EventPart, { type: "text-delta" | "arguments-delta" }>;

/** After these no more text of any block comes. */
const ENDS_TEXT: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["finish", "error", "end"]);

function textOf(part: EventPart): { block: string; text: string; read: Read } | undefined {
  if (part.type !== "text-delta" && part.type !== "arguments-delta") return undefined;
  const read = part.type === "arguments-delta" ? asJson : asWritten;
  return { block: `${part.choice} ${part.block}`, text: part.text, read };
}

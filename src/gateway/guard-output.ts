/**
 * Promise: no event goes on from here that a guard of the API has not passed, streamed or
 * not. A guard that may deny holds the whole answer back until it is judged; one that only
 * masks holds back less than its longest phrase. Stands after the count, because what is
 * withheld was paid for.
 */
import { maskFor, SlidingMask } from "../domain/guardrails/phrases.ts";
import { type EventBatch, type EventPart, type ModelEvent, rewritten } from "../spec/event.ts";
import type { EventStream } from "./begun.ts";
import type { Call } from "./call.ts";
import type { Answer } from "./dispatch.ts";
import { countElsewhere, denial, type Guard, guardsOf, noteVerdict } from "./guards.ts";

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
  const texts = new Map<string, string>();
  let elsewhere = 0;
  for await (const batch of events) {
    held.push(batch);
    for (const event of batch) {
      for (const part of event.parts) {
        const text = textOf(part);
        if (text === undefined) elsewhere += countElsewhere(part, guard);
        else texts.set(text.block, (texts.get(text.block) ?? "") + text.text);
      }
    }
  }
  let count = elsewhere;
  for (const text of texts.values()) count += guard.matcher.find(text).length;
  noteVerdict(answer.call.observed.verdicts, guard, "output", count);
  if (count > 0) throw denial(guard, "output");
  yield* held;
}

/** Masks what comes, block by block, holding back what might still become a match. */
async function* masking(events: EventStream, guard: Guard, answer: Answer): AsyncGenerator<EventBatch, void, void> {
  const masks = new Map<string, { mask: SlidingMask; last: TextPart }>();
  let noted = 0;
  const note = () => {
    let count = 0;
    for (const { mask } of masks.values()) count += mask.count;
    noteVerdict(answer.call.observed.verdicts, guard, "output", count - noted);
    noted = count;
  };
  const flush = (out: EventPart[], block?: string): boolean => {
    let flushed = false;
    for (const [key, { mask, last }] of masks) {
      if ((block !== undefined && key !== block) || mask.empty) continue;
      out.push({ ...last, text: mask.flush() });
      flushed = true;
    }
    return flushed;
  };
  const judge = (event: ModelEvent): ModelEvent => {
    const parts: EventPart[] = [];
    let changed = false;
    for (const part of event.parts) {
      const text = textOf(part);
      if (text !== undefined) {
        let state = masks.get(text.block);
        if (state === undefined) {
          state = { mask: new SlidingMask(guard.matcher, maskFor(guard.rule.name)), last: part as TextPart };
          masks.set(text.block, state);
        }
        const clean = state.mask.push(text.text);
        changed ||= clean !== text.text;
        if (clean !== "") parts.push({ ...(part as TextPart), text: clean });
        continue;
      }
      if (part.type === "block-end") changed = flush(parts, `${part.choice} ${part.block}`) || changed;
      else if (ENDS_TEXT.has(part.type)) changed = flush(parts) || changed;
      // What cannot be rewritten is not shown to a caller whose answers are to be masked.
      if (countElsewhere(part, guard) > 0) {
        noteVerdict(answer.call.observed.verdicts, guard, "output", 1);
        changed = true;
        continue;
      }
      parts.push(part);
    }
    return changed ? rewritten(parts) : event;
  };
  for await (const batch of events) {
    yield batch.map(judge);
    note();
  }
  const rest: EventPart[] = [];
  if (flush(rest)) yield [rewritten(rest)];
  note();
}

type TextPart = Extract<EventPart, { type: "text-delta" | "arguments-delta" }>;

/** After these no more text of any block comes. */
const ENDS_TEXT: ReadonlySet<EventPart["type"]> = new Set<EventPart["type"]>(["finish", "error", "end"]);

function textOf(part: EventPart): { block: string; text: string } | undefined {
  if (part.type !== "text-delta" && part.type !== "arguments-delta") return undefined;
  return { block: `${part.choice} ${part.block}`, text: part.text };
}

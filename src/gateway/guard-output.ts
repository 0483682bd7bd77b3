/**
 * Promise: no event goes on from here that a guard of the API has not passed, streamed or
 * not. A guard that may deny holds the whole answer back until it is judged; one that only
 * masks holds back what may be the beginning of a phrase, with all that follows it, and a
 * block that only its dialect knows (a custom tool's call, a server-side tool) until the block
 * ends; with a match the block is dropped, as is any other part that cannot be rewritten. Log probabilities are
 * dropped whenever a guard masks: they would spell out what was masked, token by token.
 * The provider's bytes never go on where a guard stands: they say things that no part says
 * (fields that nobody knows), so nobody has judged them. Stands after the count, because what
 * is withheld was paid for.
 */
import { countReadings, maskFor, maskReadings } from "../domain/guardrails/phrases.ts";
import { asJson, asWritten } from "../domain/guardrails/reading.ts";
import { type EventBatch, type EventPart, type ModelEvent, rewritten } from "../spec/event.ts";
import type { EventStream } from "./asking/begun.ts";
import type { Call } from "./call.ts";
import type { Answer } from "./dispatch.ts";
import { maskResult } from "./guarding/guarded-operation.ts";
import { denial, type Guard, guardsOf, noteVerdict } from "./guarding/guards.ts";
import { isTextPart, MaskedTexts, TextKeys } from "./guarding/masked-texts.ts";
import { readable } from "./guarding/readable-file.ts";
import { type Judged, UnmaskedOutput } from "./guarding/unmasked-output.ts";

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
    // Whose file this is was looked up; what stands in it is an answer like any other.
    if (guards.length > 0 && isFile(answer)) events = readable(events, guards[0]!);
    for (const guard of guards)
      events = guard.rule.action === "deny" ? denying(events, guard, answer) : masking(events, guard, answer);
    return new Ticket(answer, events);
  };
}

const FILES: ReadonlySet<string> = new Set(["files.content", "batches.results"]);

function isFile({ clean: { request } }: Answer): boolean {
  return request.operation?.type === "object" && FILES.has(request.operation.name);
}

/** Lets an answer go only when all of it has been read and none of it matched. */
async function* denying(events: EventStream, guard: Guard, answer: Answer): AsyncGenerator<EventBatch, void, void> {
  const held: EventBatch[] = [];
  const keys = new TextKeys();
  const texts = new Map<string, { pieces: string[]; isJson: boolean }>();
  const beside = new UnmaskedOutput(guard.matcher);
  let count = 0;
  for await (const batch of events) {
    held.push(batch);
    for (const event of batch) {
      for (const part of event.parts) {
        keys.see(part);
        if (!isTextPart(part)) count += beside.judge(part).count;
        else {
          const key = keys.of(part);
          const text = texts.get(key);
          if (text === undefined) texts.set(key, { pieces: [part.text], isJson: part.type === "arguments-delta" });
          else text.pieces.push(part.text);
        }
      }
    }
  }
  count += beside.end().count;
  for (const { pieces, isJson } of texts.values()) count += countReadings(pieces.join(""), guard.matcher, isJson);
  noteVerdict(answer.call.observed.verdicts, guard, "output", count);
  if (count > 0) throw denial(guard, "output");
  for (const batch of held) yield batch.map((event) => rewritten(event.parts));
}

/** Masks what comes, holding back what might still become a match. */
async function* masking(events: EventStream, guard: Guard, answer: Answer): AsyncGenerator<EventBatch, void, void> {
  const mark = maskFor(guard.rule.name, guard.matcher);
  const beside = new UnmaskedOutput(guard.matcher);
  const texts = new MaskedTexts(guard.matcher, mark, asWritten);
  // An answer that is JSON is parsed by who asked for it.
  const parsed = new MaskedTexts(guard.matcher, mark, asJson);
  const ready = () => {
    for (const part of texts.ready()) parsed.add(part);
    return parsed.ready();
  };
  let noted = 0;
  const note = (count: number) => noteVerdict(answer.call.observed.verdicts, guard, "output", count);
  const noteTexts = () => {
    const count = texts.count + parsed.count;
    note(count - noted);
    noted = count;
  };
  const rewrite = (text: string, isJson = false): string => {
    const masked = maskReadings(text, guard.matcher, mark, isJson);
    note(masked.count);
    return masked.text;
  };
  const take = (judged: Judged) => {
    for (const part of judged.pass) texts.add(part);
    if (judged.count > 0) note(judged.count);
  };
  const judge = (event: ModelEvent): ModelEvent => {
    const pings: EventPart[] = [];
    for (const part of event.parts) {
      if (part.type === "logprobs" || beside.isDropped(part)) continue;
      // What keeps the connection alive says nothing, and waits for nothing.
      if (part.type === "ping") pings.push(part);
      else if (part.type === "result") texts.add({ ...part, result: maskResult(part.result, rewrite) });
      else if (isTextPart(part)) texts.add(part);
      else {
        if (part.type === "finish") take(beside.end(part.choice));
        else if (part.type === "error" || part.type === "end") take(beside.end());
        take(beside.judge(part));
      }
    }
    return rewritten([...pings, ...ready()]);
  };
  for await (const batch of events) {
    yield batch.map(judge);
    noteTexts();
  }
  take(beside.end());
  texts.end();
  const rest = ready();
  parsed.end();
  rest.push(...parsed.ready());
  if (rest.length > 0) yield [rewritten(rest)];
  noteTexts();
}

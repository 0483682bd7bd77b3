import { GatewayError } from "../../errors.ts";
import { MAX_ANSWER_BYTES, MAX_ERROR_BYTES, MAX_STREAM_BYTES } from "../../kernel/bounds.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Attempt } from "../../ports/records.ts";
import type { Upstream, UpstreamAnswer, UpstreamCall } from "../../ports/upstream.ts";
import { type AnswerDecoder, MalformedAnswer, type ProviderAdapter } from "../../spec/adapter.ts";
import { type EventBatch, type EventPart, type ModelEvent, type ProviderError, rewritten } from "../../spec/event.ts";
import { FRAMERS } from "../../wire/framers.ts";
import type { RawFrame } from "../../wire/framing.ts";
import { beginsLikeJson, beginsLikeStream, mayAnswer, SNIFFED_BYTES } from "../../wire/sniff.ts";
import type { Call } from "../call.ts";
import type { OutputBound } from "../metering/output-bound.ts";
import type { Asked } from "../reserve.ts";
import { besideMessage, errorFrameOf } from "../telling/errors-as-said.ts";
import type { Redact } from "../telling/redact.ts";
import { fromProviderError } from "../telling/upstream-error.ts";
import { toldByUpstream } from "./told.ts";

export interface AskSettings {
  /** To the first byte of a streamed answer. */
  firstByteMs: number;
  /** Between two reads of a streamed answer. */
  idleMs: number;
  /** To the whole of a unary answer. */
  unaryMs: number;
}

/** One question to one target. */
export interface Question {
  call: Call;
  asked: Asked;
  adapter: ProviderAdapter;
  decoder: AnswerDecoder;
  stream: boolean;
  /** Of the account, where it has one. */
  key: Secret<string> | null;
  /** Keeps the account's key and names out of what the provider says. */
  redact: Redact;
  upstreamCall: UpstreamCall;
  /** Where the status is noted. */
  attempt: Attempt;
  /** What is held for the answer, where that is limited. */
  bound: OutputBound | undefined;
  /** Whether guards stand on what comes back. */
  guarded: boolean;
}

const utf8 = new TextDecoder();

/**
 * Sends the question; what it gives yields the answer's events as they come, each counted when it is
 * read, so that whatever ends the reading, what was streamed is charged.
 * @throws GatewayError for what the provider or the network refused, MalformedAnswer for what is no answer.
 */
export async function ask(
  question: Question,
  upstream: Upstream,
  settings: AskSettings,
): Promise<AsyncGenerator<EventBatch>> {
  const { call, asked, stream } = question;
  call.expect("upstream_timeout", stream ? settings.firstByteMs : settings.unaryMs);
  const answer = await send(question, upstream);
  question.attempt.status = answer.status;
  const headers = toldByUpstream(answer.headers?.() ?? {}, question.key);
  if (headers !== undefined) call.observed.told.push({ attempt: question.attempt, headers });
  if (answer.status < 200 || answer.status > 299) {
    asked.owed = false;
    throw await readError(answer, question);
  }
  const declared = mediaTypeOf(answer) === FRAMERS[question.adapter.framing ?? "sse"].contentType;
  // Some servers stream whether they were asked to or not; the caller gets it collected then.
  if (declared && question.decoder.body === undefined) return streamed(question, answer.chunks(), settings);
  if (stream) return undeclared(question, answer, settings);
  return whole(question, answer, settings, () => answer.bytes(MAX_ANSWER_BYTES));
}

async function send(question: Question, upstream: Upstream): Promise<UpstreamAnswer> {
  try {
    // From then on the provider may work for us, and charge for the prompt, even if nobody reads its answer.
    const onSend = () => {
      question.asked.owed = true;
    };
    return await upstream.send({ ...question.upstreamCall, onSend });
  } catch (thrown) {
    if (thrown instanceof GatewayError && NEVER_ARRIVED.has(thrown.code)) question.asked.owed = false;
    throw thrown;
  }
}

/** `upstream_refused`, thrown instead of answered, means that the account's key was traded for no token. */
const NEVER_ARRIVED: ReadonlySet<string> = new Set(["upstream_unreachable", "upstream_blocked", "upstream_refused"]);

/**
 * An answer to a stream that is not called one. Some servers do not stream at all, and some proxies name
 * no content type, or another: how it begins decides.
 */
async function* undeclared(
  question: Question,
  answer: UpstreamAnswer,
  settings: AskSettings,
): AsyncGenerator<EventBatch> {
  const mediaType = mediaTypeOf(answer);
  if (question.decoder.body !== undefined || !mayAnswer(mediaType)) {
    yield* whole(question, answer, settings, () => answer.bytes(MAX_ANSWER_BYTES));
    return;
  }
  const framing = question.adapter.framing ?? "sse";
  const chunks = answer.chunks();
  let begins: Uint8Array = new Uint8Array();
  const more = async (): Promise<boolean> => {
    const { done, value } = await chunks.next();
    if (done) return false;
    begins = begins.length === 0 ? value : new Uint8Array(Buffer.concat([begins, value]));
    question.call.expect("upstream_timeout", settings.idleMs);
    return true;
  };
  try {
    while (begins.length < SNIFFED_BYTES && (await more())) {
      if (!beginsLikeStream(framing, mediaType, begins)) continue;
      yield* streamed(question, following(begins, chunks), settings);
      return;
    }
    question.call.expect("upstream_timeout", settings.unaryMs);
    yield* whole(question, answer, settings, () => collected(following(begins, chunks)));
  } finally {
    await chunks.return?.();
  }
}

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new MalformedAnswer(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return held.length === 1 ? held[0]! : new Uint8Array(Buffer.concat(held));
}

async function* following(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* whole(
  question: Question,
  answer: UpstreamAnswer,
  settings: AskSettings,
  read: () => Promise<Uint8Array>,
): AsyncGenerator<EventBatch> {
  const { adapter, decoder, asked, stream } = question;
  const mediaType = mediaTypeOf(answer);
  if (decoder.body === undefined && !mayAnswer(mediaType)) {
    answer.discard();
    throw new MalformedAnswer(`content-type ${mediaType.slice(0, 80)}`);
  }
  const bytes = await read();
  if (decoder.body === undefined && !beginsLikeJson(bytes)) {
    if (beginsLikeStream(adapter.framing ?? "sse", mediaType, bytes)) {
      yield* streamed(question, following(bytes, []), settings);
      return;
    }
    if (mediaType !== "application/json") throw new MalformedAnswer(`no JSON, and ${mediaType.slice(0, 80)}`);
  }
  const parts = decoder.body?.(bytes, mediaType) ?? decoder.unary(utf8.decode(bytes));
  const event: ModelEvent = decoder.altered
    ? rewritten(parts)
    : { parts, original: { dialect: adapter.dialect, shape: "body", source: bytes, start: 0, end: bytes.length } };
  count(asked, event);
  if (asked.tally.over === "error") yield [unquoting(event, question, utf8.decode(bytes))];
  // In a stream the end comes alone, because what is known only then is told right before it.
  else if (stream) yield [rewritten(event.parts.slice(0, -1)), rewritten(event.parts.slice(-1))];
  else yield [event];
}

async function* streamed(
  question: Question,
  chunks: AsyncIterable<Uint8Array>,
  settings: AskSettings,
): AsyncGenerator<EventBatch> {
  const { call, asked, decoder, adapter, bound } = question;
  const framer = FRAMERS[adapter.framing ?? "sse"].framer();
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MAX_STREAM_BYTES) throw new MalformedAnswer(`the stream is longer than ${MAX_STREAM_BYTES} bytes`);
    const batch = read(question, framer.push(chunk));
    if (batch.length > 0) yield batch;
    // A provider that does not close after its last event would hold the caller up.
    if (asked.tally.over !== null) return;
    // After the next one is asked for, so that it is a target that has begun to answer, and nothing is cut that was read.
    if (bound?.isNear) await bound.keep();
    if (question.stream) call.expect("upstream_timeout", settings.idleMs);
  }
  const rest = read(question, framer.close());
  if (rest.length > 0) yield rest;
  if (asked.tally.over !== null) return;
  const owed = decoder.close();
  if (owed.length === 0) return;
  const last: ModelEvent = { parts: owed };
  asked.tally.see(last);
  yield [last];
}

/** Frames as events, counted, up to the one that ends the answer. */
function read(question: Question, frames: RawFrame[]): EventBatch {
  const { adapter, asked, decoder } = question;
  const batch: ModelEvent[] = [];
  for (const frame of frames) {
    const event: ModelEvent = {
      parts: frame.data === "" ? [] : partsOf(frame, decoder),
      original: { dialect: adapter.dialect, shape: "frame", source: frame.source, start: frame.start, end: frame.end },
    };
    count(asked, event);
    batch.push(asked.tally.over === "error" ? failing(event, frame, question) : event);
    if (asked.tally.over !== null) break;
  }
  return batch;
}

/** A refusal inside a 200 costs as little as one that its status tells. */
function count(asked: Asked, event: ModelEvent): void {
  asked.tally.see(event);
  if (asked.tally.isRefused) asked.owed = false;
}

/** What is no event of the dialect is an error of the answer: what came before it in the same read was said, and is passed on. */
function partsOf(frame: RawFrame, decoder: AnswerDecoder): EventPart[] {
  try {
    return decoder.frame(frame);
  } catch (thrown) {
    if (!(thrown instanceof MalformedAnswer)) throw thrown;
    return [{ type: "error", error: { status: 502, message: thrown.message, code: "upstream_malformed" } }];
  }
}

/** The event that says that the answer has failed. */
function failing(event: ModelEvent, frame: RawFrame, question: Question): ModelEvent {
  const told = unquoting(event, question, frame.data);
  const original = errorFrameOf(event.parts, frame, question.adapter.dialect, question.redact);
  return original === undefined ? told : { ...told, original };
}

/**
 * An error in our own words later on: the provider's bytes may quote the key that we showed it, or name our account.
 * @param said in which the error stands
 */
function unquoting({ parts }: ModelEvent, question: Question, said: string): ModelEvent {
  return rewritten(
    parts.map((part) => (part.type === "error" ? { ...part, error: unquoted(part.error, question, said) } : part)),
  );
}

function unquoted(error: ProviderError, question: Question, said: string): ProviderError {
  const { adapter, guarded, redact } = question;
  const told = { ...error, message: redact(error.message) };
  if (typeof error.param === "string") told.param = redact(error.param);
  if (error.code !== undefined) told.code = redact(error.code);
  if (error.type !== undefined) told.type = redact(error.type);
  // What the model has written may stand beside the message (Groq's `failed_generation`), and no guard reads it there.
  const beside = guarded || said.length > MAX_ERROR_BYTES ? undefined : besideMessage(said, adapter.dialect, redact);
  return beside === undefined ? told : { ...told, beside };
}

async function readError(answer: UpstreamAnswer, question: Question): Promise<GatewayError> {
  if (answer.status >= 300 && answer.status < 400) {
    answer.discard();
    return new GatewayError("upstream_malformed", "The provider answered with a redirect, which is never followed.");
  }
  let body = "";
  try {
    body = utf8.decode(await answer.bytes(MAX_ERROR_BYTES));
  } catch (cause) {
    // An error that is too long to be read is still an error with a status.
    if (!(cause instanceof GatewayError) || cause.code !== "upstream_malformed") throw cause;
  }
  const error = question.adapter.error(answer.status, body, (name) => answer.header(name));
  return fromProviderError(unquoted(error, question, body));
}

function mediaTypeOf(answer: UpstreamAnswer): string {
  return answer.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

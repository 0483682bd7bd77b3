/**
 * Promise: one small question to one model of one account, asked as calls are (adapter, key, guarded way out), and
 * told plainly what came of it. It is nobody's call: no caller's key, no limit and no record stand behind it, only the
 * administrator who asked and the audit log. So it writes as little as providers let a question ask for.
 */
import type { ProviderAccount } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import { MAX_ANSWER_BYTES, MAX_ERROR_BYTES } from "../../kernel/bounds.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { Trial, Tried } from "../../ports/trial.ts";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.ts";
import { type AnswerDecoder, MalformedAnswer, type ProviderAdapter } from "../../spec/adapter.ts";
import type { EventPart, ProviderError } from "../../spec/event.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { FRAMERS } from "../../wire/framers.ts";
import { beginsLikeJson } from "../../wire/sniff.ts";
import { redactorOf } from "../telling/redact.ts";
import { fromProviderError, isOfAccount, toCallError, withoutQuotedKeys } from "../telling/upstream-error.ts";
import type { OpenKey } from "./account-key.ts";
import { apiOf } from "./api-of.ts";
import { withKey } from "./with-key.ts";

export interface TrialPorts {
  upstream: Upstream;
  openKey: OpenKey;
  clock: Clock;
  adapter(kind: string): ProviderAdapter | undefined;
}

/** How long a model may take over both questions, in milliseconds: the command waits for a little longer. */
const ANSWER_WITHIN_MS = 20_000;

/** OpenAI's Responses take no smaller bound (https://platform.openai.com/docs/api-reference/responses/create). */
const LEAST_OUTPUT = 16;

const MAX_MESSAGE = 500;

const QUESTION: ModelRequest = {
  dialect: "canonical",
  model: "",
  messages: [{ role: "user", parts: [{ type: "text", text: "Reply with OK." }] }],
  stream: false,
  includeUsage: false,
  maxOutputTokens: LEAST_OUTPUT,
  store: false,
};

const TEXT_TO_EMBED: ModelRequest = {
  dialect: "canonical",
  model: "",
  messages: [],
  stream: false,
  includeUsage: false,
  operation: { type: "embed", inputs: [{ text: "OK" }] },
};

const utf8 = new TextDecoder();

export function createTrial(ports: TrialPorts): Trial {
  return async (account, model) => {
    const begun = ports.clock.ticks();
    const tried = (result: Partial<Tried>): Tried => ({
      ...{ answeredAs: null, code: null, status: null, message: "", inputTokens: 0, outputTokens: 0 },
      ...result,
      totalMs: ports.clock.ticks() - begun,
    });
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const first = await attempt(ports, account, { ...QUESTION, model }, signal);
    if (!isOfTheQuestion(first)) return tried(first);
    // Models that embed refuse every conversation, each in words of its own.
    const second = await attempt(ports, account, { ...TEXT_TO_EMBED, model }, signal);
    return tried(second.answeredAs === undefined ? first : second);
  };
}

/** Whether something else may be asked of this model: it, or its API, has refused this question. */
function isOfTheQuestion({ code }: Partial<Tried>): boolean {
  return code === "upstream_rejected" || code === "unsupported_feature";
}

async function attempt(
  { upstream, openKey, adapter }: TrialPorts,
  account: ProviderAccount,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<Partial<Tried>> {
  const { model } = request;
  let key: Secret<string> | null = null;
  try {
    key = openKey(account);
    const kind = adapter(account.kind);
    if (kind === undefined) throw new Error(`no adapter for kind ${account.kind}`);
    const api = apiOf(kind, request, model, account.options);
    if (api.local !== undefined) return answered(request, [...api.local(request, model)].flat());
    const { method, path, headers, body } = api.encode(request, model, account.options);
    const answer = await upstream.send({
      method,
      baseUrl: account.baseUrl ?? api.baseUrl ?? "",
      path,
      ...withKey(api, account.options, key, headers),
      body: JSON.stringify(body),
      allowPrivateNetwork: account.allowPrivateNetwork,
      signal,
    });
    if (answer.status >= 300 && answer.status < 400) {
      answer.discard();
      throw new MalformedAnswer(`status ${answer.status}, a redirect, which is never followed`);
    }
    if (answer.status < 200 || answer.status > 299) return refused(await readError(api, answer), key);
    const parts = await readParts(api, api.decoder(request), answer);
    const error = parts.find((part) => part.type === "error")?.error;
    if (error !== undefined) return refused(error, key);
    if (parts.at(-1)?.type !== "end") throw new MalformedAnswer("the answer ends before it is whole");
    return answered(request, parts);
  } catch (thrown) {
    return failed(thrown, key);
  }
}

async function readParts(api: ProviderAdapter, decoder: AnswerDecoder, answer: UpstreamAnswer): Promise<EventPart[]> {
  const mediaType = answer.header("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const bytes = await answer.bytes(MAX_ANSWER_BYTES);
  if (decoder.body !== undefined) return decoder.body(bytes, mediaType);
  const { contentType, framer } = FRAMERS[api.framing ?? "sse"];
  if (mediaType !== contentType) {
    if (!beginsLikeJson(bytes)) throw new MalformedAnswer(`no JSON, and content-type ${mediaType.slice(0, 80)}`);
    return decoder.unary(utf8.decode(bytes));
  }
  // Some servers stream whether they were asked to or not.
  const cut = framer();
  const frames = [...cut.push(bytes), ...cut.close()].filter(({ data }) => data !== "");
  return [...frames.flatMap((frame) => decoder.frame(frame)), ...decoder.close()];
}

async function readError(api: ProviderAdapter, answer: UpstreamAnswer): Promise<ProviderError> {
  let body = "";
  try {
    body = utf8.decode(await answer.bytes(MAX_ERROR_BYTES));
  } catch (cause) {
    // An error that is too long to be read is still an error with a status.
    if (!(cause instanceof GatewayError) || cause.code !== "upstream_malformed") throw cause;
  }
  return api.error(answer.status, body, (name) => answer.header(name));
}

function answered({ operation }: ModelRequest, parts: readonly EventPart[]): Partial<Tried> {
  const usage = Object.assign({}, ...parts.map((part) => (part.type === "usage" ? part.usage : {})));
  return {
    answeredAs: operation === undefined ? "conversation" : "embeddings",
    inputTokens: believable(usage.input),
    outputTokens: believable(usage.output),
  };
}

function believable(tokens: unknown): number {
  return Number.isSafeInteger(tokens) && (tokens as number) >= 0 ? (tokens as number) : 0;
}

/** In the provider's own words: whoever asks here is who has to act. */
function refused(error: ProviderError, key: Secret<string> | null): Partial<Tried> {
  const { code } = fromProviderError(error);
  const said = isOfAccount(error) ? withoutQuotedKeys(error.message) : error.message;
  return { code, status: error.status, message: withoutKey(said || `The provider answered ${error.status}.`, key) };
}

function failed(thrown: unknown, key: Secret<string> | null): Partial<Tried> {
  if ((thrown as { name?: unknown }).name === "TimeoutError") {
    return { code: "upstream_timeout", message: `There was no answer within ${ANSWER_WITHIN_MS / 1_000} seconds.` };
  }
  const error = toCallError(thrown);
  const why = error.internal === undefined ? "" : ` (${error.internal})`;
  return { code: error.code, message: withoutKey(error.public + why, key) };
}

/** Addresses and names of the account are the administrator's own; only its key is told to nobody. */
function withoutKey(text: string, key: Secret<string> | null): string {
  const redact = redactorOf({ key: key?.reveal() ?? null, options: {}, baseUrl: null, publicBaseUrl: null });
  return redact(text).slice(0, MAX_MESSAGE);
}

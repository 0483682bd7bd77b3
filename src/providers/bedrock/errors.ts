import { isObject, type Json, type JsonObject, parseJson } from "../../kernel/json.ts";
import type { ProviderError } from "../../spec/event.ts";
import { readRetryAfter } from "../retry-after.ts";

/**
 * Bedrock's exceptions (API reference, Converse, "Errors") by the status that they stand for.
 * Those that say that the model failed have a 4xx of their own, which would blame the caller.
 */
const STATUS_OF: Readonly<Record<string, number>> = {
  validationexception: 400,
  accessdeniedexception: 403,
  expiredtokenexception: 403,
  unrecognizedclientexception: 403,
  resourcenotfoundexception: 404,
  modeltimeoutexception: 504,
  modelerrorexception: 502,
  modelstreamerrorexception: 502,
  modelnotreadyexception: 503,
  throttlingexception: 429,
  servicequotaexceededexception: 429,
  internalserverexception: 500,
  serviceunavailableexception: 503,
};

const TOO_LONG =
  /input is too long|prompt is too long|too many (?:input )?tokens|exceeds? (?:the )?(?:model'?s? )?(?:maximum )?context|context (?:window|length)/i;

/** Reads an answer whose status is not 2xx. Never throws. */
export function errorOf(status: number, body: string, header: (name: string) => string | null): ProviderError {
  const value = parseJson(body);
  // `ValidationException:http://internal.amazon.com/coral/…`
  const type = header("x-amzn-errortype")?.split(":", 1)[0]?.trim() || typeIn(value);
  const error = describe(type, value, status);
  const retryAfterMs = readRetryAfter(header);
  if (retryAfterMs !== undefined) error.retryAfterMs = retryAfterMs;
  return error;
}

/** An exception in the middle of a stream. @param event its type, as the stream names it. */
export function errorOfException(event: string, value: Json | undefined): ProviderError {
  return describe(event, value, Number(event) >= 400 && Number(event) <= 599 ? Number(event) : 502);
}

/** An error in a 200; undefined where it is none. */
export function errorInside(answer: JsonObject): ProviderError | undefined {
  const told = isObject(answer.Output) ? answer.Output : answer;
  const type = typeIn(told);
  return type === undefined && messageIn(told) === undefined ? undefined : describe(type, told, 502);
}

function describe(type: string | undefined, value: Json | undefined, status: number): ProviderError {
  const message = messageIn(value) ?? (type === undefined ? undefined : `The provider reported ${type}.`);
  const error: ProviderError = {
    status: (type === undefined ? undefined : STATUS_OF[type.toLowerCase()]) ?? status,
    message: withoutAccount(message ?? `The provider answered with status ${status}.`),
  };
  if (type !== undefined) error.type = type;
  if (error.status === 400 && TOO_LONG.test(error.message)) error.code = "context_length_exceeded";
  return error;
}

/** `com.amazon.coral.service#UnknownOperationException` */
function typeIn(value: Json | undefined): string | undefined {
  const type = isObject(value) ? (value.__type ?? value.code) : undefined;
  return typeof type === "string" ? type.split("#").at(-1) : undefined;
}

function messageIn(value: Json | undefined): string | undefined {
  if (!isObject(value)) return undefined;
  const { message, Message, originalMessage } = value;
  const told = [message, Message, originalMessage].find((text) => typeof text === "string" && text !== "");
  return told as string | undefined;
}

/** ARNs name the account, which is not the caller's business. */
function withoutAccount(message: string): string {
  return message.replace(/(arn:aws[\w-]*:[\w-]*:[\w-]*:)\d{12}(?=:)/g, "$1*****");
}

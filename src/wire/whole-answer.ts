import type { JsonObject } from "../kernel/json.ts";
import type { EventPart } from "../spec/event.ts";
import type { AnswerEncoder, PublicError } from "../spec/wire.ts";

/**
 * Writes answers that are never streamed: what was asked for is there at once, or not at all.
 * @param write the answer's body, of all its parts
 */
export function wholeAnswer(
  write: (parts: readonly EventPart[]) => JsonObject,
  errorBody: (error: PublicError) => JsonObject,
): AnswerEncoder {
  return {
    frames: () => "",
    relayed: () => {},
    unary: (parts) => JSON.stringify(write(parts)),
    errorFrame: (error) => `data: ${JSON.stringify(errorBody(error))}\n\n`,
  };
}

/** The answer to a count of tokens. */
export function countedTokens(parts: readonly EventPart[]): number {
  for (const part of parts) if (part.type === "result" && part.result.kind === "token-count") return part.result.tokens;
  return 0;
}

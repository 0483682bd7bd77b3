import type { JsonObject } from "../../kernel/json.ts";
import type { PublicError } from "../../spec/wire.ts";

/** `{"error": "text"}`: Ollama has no codes, so the status tells the kind, and the text the rest. */
export function errorBody(error: PublicError): JsonObject {
  return { error: error.message };
}

/** The line that ends a stream that failed. No line with `done` follows, and Ollama's clients throw on it. */
export function errorFrame(error: PublicError): string {
  return `${JSON.stringify(errorBody(error))}\n`;
}

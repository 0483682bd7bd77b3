import type { Wire } from "../../spec/wire.ts";
import { decodeRequest } from "./decode.ts";
import { GeminiEncoder } from "./encode.ts";
import { errorBody } from "./errors.ts";

function generation(stream: boolean): Wire {
  return {
    dialect: "gemini",
    pictures: "any",
    decode: (body, address) => decodeRequest(body, address, stream),
    encoder: (request, context) => new GeminiEncoder(request, context),
    errorBody,
  };
}

/** Google's `generateContent` (https://ai.google.dev/api/generate-content), the whole answer at once. */
export const gemini: Wire = generation(false);

/** `streamGenerateContent`: server-sent events with `alt=sse`, one JSON array without. */
export const geminiStream: Wire = generation(true);

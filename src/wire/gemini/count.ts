import type { Wire } from "../../spec/wire.ts";
import { countedTokens, wholeAnswer } from "../whole-answer.ts";
import { decodeRequest } from "./decode.ts";
import { errorBody } from "./errors.ts";
import { camelFields } from "./fields.ts";
import { gemini } from "./index.ts";

/**
 * `models/{model}:countTokens` (https://ai.google.dev/api/tokens): the contents alone, a whole
 * `generateContentRequest`, or, as Vertex takes it, the fields of one.
 */
export const geminiCount: Wire = {
  ...gemini,
  decode(body, address) {
    const fields = camelFields(body, "");
    if (fields.has("generateContentRequest") && fields.has("contents")) {
      return fields.fail("contents", "cannot stand beside generateContentRequest");
    }
    const asked = fields.object("generateContentRequest")?.value ?? body;
    return { ...decodeRequest(asked, address, false), operation: { type: "count-tokens" } };
  },
  encoder: () => wholeAnswer((parts) => ({ totalTokens: countedTokens(parts) }), errorBody),
};

import { MAX_OUTPUT_TOKENS } from "../../kernel/bounds.ts";
import type { Wire } from "../../spec/wire.ts";
import { countedTokens, wholeAnswer } from "../whole-answer.ts";
import { decodeRequest } from "./decode.ts";
import { errorBody } from "./errors.ts";
import { anthropicMessages } from "./index.ts";

/** `POST /v1/messages/count_tokens` (https://docs.claude.com/en/api/messages-count-tokens): a message without what bounds its answer. */
export const anthropicCount: Wire = {
  ...anthropicMessages,
  decode(body) {
    const { stream: _, ...message } = body;
    const { maxOutputTokens, ...request } = decodeRequest({
      ...message,
      max_tokens: body.max_tokens ?? MAX_OUTPUT_TOKENS,
    });
    return {
      ...request,
      ...(body.max_tokens === undefined || maxOutputTokens === undefined ? {} : { maxOutputTokens }),
      operation: { type: "count-tokens" },
    };
  },
  encoder: () => wholeAnswer((parts) => ({ input_tokens: countedTokens(parts) }), errorBody),
};

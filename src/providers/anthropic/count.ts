import type { JsonObject } from "../../kernel/json.ts";
import type { OperationApi } from "../../spec/adapter.ts";
import { countParts, wholeAnswer } from "../whole-answer.ts";
import { encodeRequest } from "./request.ts";

/** What bounds or steers an answer, and has no place in a count. */
const OF_ANSWERS = new Set([
  ...["max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"],
]);

/** `POST /v1/messages/count_tokens` (https://docs.claude.com/en/api/messages-count-tokens). */
export const countApi: OperationApi = {
  dialect: "anthropic-messages",
  encode(request, model) {
    const message = encodeRequest({ ...request, stream: false }, model);
    const body: JsonObject = {};
    for (const name of Object.keys(message.body)) {
      if (!OF_ANSWERS.has(name)) body[name] = message.body[name]!;
    }
    return { ...message, path: "/v1/messages/count_tokens", body };
  },
  decoder: () => wholeAnswer((answer) => countParts(answer.input_tokens)),
};

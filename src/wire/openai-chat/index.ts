import type { Wire } from "../../spec/wire.ts";
import { decodeRequest } from "./decode.ts";
import { ChatEncoder } from "./encode.ts";
import { errorBody } from "./errors.ts";

/** OpenAI's Chat Completions, POST /v1/chat/completions. */
export const openaiChat: Wire = {
  dialect: "openai-chat",
  pictures: "any",
  decode: decodeRequest,
  encoder: (request, context) => new ChatEncoder(request, context),
  errorBody,
};

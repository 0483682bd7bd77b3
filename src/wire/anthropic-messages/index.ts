import type { Wire } from "../../spec/wire.ts";
import { AnswerState } from "./answer.ts";
import { decodeRequest } from "./decode.ts";
import { MessagesEncoder } from "./encode.ts";
import { errorBody } from "./errors.ts";

/** Anthropic's Messages API, version 2023-06-01, as callers speak it. */
export const anthropicMessages: Wire = {
  dialect: "anthropic-messages",
  requestHeaders: ["anthropic-beta"],
  decode: decodeRequest,
  encoder: (request, context) => new MessagesEncoder(new AnswerState(context, request.model)),
  errorBody,
};

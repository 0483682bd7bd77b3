import type { Wire } from "../../spec/wire.ts";
// OpenAI's two dialects have one envelope of errors.
import { errorBody } from "../openai-chat/errors.ts";
import { decodeRequest } from "./decode.ts";
import { ResponsesEncoder } from "./encode.ts";

/** OpenAI's Responses, POST /v1/responses, without anything that is kept between two calls. */
export const openaiResponses: Wire = {
  dialect: "openai-responses",
  pictures: "bytes",
  decode: decodeRequest,
  encoder: (request, context) => new ResponsesEncoder(request, context),
  errorBody,
};

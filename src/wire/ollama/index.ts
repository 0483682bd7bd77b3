import type { ModelRequest } from "../../spec/request.ts";
import type { EncoderContext, Wire } from "../../spec/wire.ts";
import { decodeChat, decodeGenerate } from "./decode.ts";
import { OllamaEncoder } from "./encode.ts";
import { errorBody } from "./errors.ts";

const encoder = (request: ModelRequest, context: EncoderContext) => new OllamaEncoder(request, context);

/** Ollama's chat, `POST /api/chat` (https://docs.ollama.com/api). Streams are lines of JSON, and the default. */
export const ollamaChat: Wire = { dialect: "ollama", pictures: "bytes", decode: decodeChat, encoder, errorBody };

/** Ollama's completion of one prompt, `POST /api/generate`. */
export const ollamaGenerate: Wire = {
  dialect: "ollama",
  pictures: "bytes",
  decode: decodeGenerate,
  encoder,
  errorBody,
};

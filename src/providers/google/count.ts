import type { JsonObject } from "../../kernel/json.ts";
import type { OperationApi } from "../../spec/adapter.ts";
import { countParts, wholeAnswer } from "../whole-answer.ts";
import { encodeRequest, geminiModelPath } from "./request.ts";

/** `countTokens` of the Gemini API (https://ai.google.dev/api/tokens): contents, or all that a request holds. */
export const countApi: OperationApi = {
  dialect: "gemini",
  encode(request, model) {
    const path = geminiModelPath(model);
    const { body: asked, warnings } = encodeRequest({ ...request, stream: false }, model, geminiModelPath);
    const isContentsOnly = Object.keys(asked).every((name) => name === "contents");
    const body: JsonObject = isContentsOnly ? asked : { generateContentRequest: { model: path.slice(1), ...asked } };
    return { method: "POST", path: `${path}:countTokens`, headers: {}, body, warnings };
  },
  decoder: () => wholeAnswer((answer) => countParts(answer.totalTokens)),
};

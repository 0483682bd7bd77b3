import type { JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer, type OperationApi, type UpstreamRequest } from "../../spec/adapter.ts";
import type { Embed } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { countOf } from "../counts.ts";
import { Losses } from "../losses.ts";
import { textToEmbed } from "../text-to-embed.ts";
import { readOnly, vectorParts, wholeAnswer } from "../whole-answer.ts";
import { errorInside } from "./errors.ts";

/** `POST /api/embed` (https://docs.ollama.com/api/embed). */
export const embedApi: OperationApi = {
  dialect: "ollama",
  encode,
  decoder: (request) =>
    wholeAnswer((answer) => {
      if (answer.error !== undefined) return [{ type: "error", error: errorInside(answer.error) }];
      if (!Array.isArray(answer.embeddings)) throw new MalformedAnswer("an answer without vectors");
      return [
        typeof answer.model === "string" ? { type: "start", model: answer.model } : { type: "start" },
        ...vectorParts(request, answer.embeddings),
        ...readOnly(countOf(answer.prompt_eval_count)),
      ];
    }),
};

function encode(request: ModelRequest, model: string): UpstreamRequest {
  const operation = request.operation as Embed;
  const losses = new Losses(request.dialect === "ollama");
  const input = operation.inputs.map((each) => textToEmbed(each, "Ollama"));
  const body: JsonObject = { model, input };
  if (operation.dimensions !== undefined) body.dimensions = operation.dimensions;
  // OpenAI refuses a text that is too long; Ollama embeds its beginning unless it is told not to.
  if (!losses.own) body.truncate = false;
  if (operation.task !== undefined) losses.warn("task_type", "Ollama makes one kind of vector; it was left out");
  if (request.endUser !== undefined) losses.warn("user", "Ollama is not told who the end user is; it was left out");
  for (const { extra } of operation.inputs) losses.carry(extra, body);
  losses.carryRequest(request.extra, body);
  return { method: "POST", path: "/api/embed", headers: {}, body, warnings: losses.warnings };
}

import { isObject, type JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer, type OperationApi, type UpstreamRequest } from "../../spec/adapter.ts";
import type { Embed, EmbedTask } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { countOf } from "../counts.ts";
import { Losses } from "../losses.ts";
import { textToEmbed } from "../text-to-embed.ts";
import { readOnly, vectorParts, wholeAnswer } from "../whole-answer.ts";

/** `POST /v2/embed` (https://docs.cohere.com/reference/embed). */
export const embedApi: OperationApi = {
  dialect: "cohere-chat",
  encode,
  decoder: (request) =>
    wholeAnswer((answer) => {
      const { embeddings, meta } = answer;
      const rows = isObject(embeddings) ? embeddings.float : embeddings;
      if (!Array.isArray(rows)) throw new MalformedAnswer("an answer without vectors");
      const billed = isObject(meta) && isObject(meta.billed_units) ? meta.billed_units.input_tokens : undefined;
      return [{ type: "start" }, ...vectorParts(request, rows), ...readOnly(countOf(billed))];
    }),
};

/** A kind is demanded. Without a word of the caller's, texts are those to be found later. */
const INPUT_TYPES: Readonly<Record<EmbedTask, string>> = {
  query: "search_query",
  document: "search_document",
  similarity: "clustering",
  classification: "classification",
  clustering: "clustering",
};

function encode(request: ModelRequest, model: string): UpstreamRequest {
  const operation = request.operation as Embed;
  const losses = new Losses(false);
  const texts = operation.inputs.map((input) => textToEmbed(input, "Cohere"));
  const body: JsonObject = {
    model,
    texts,
    input_type: INPUT_TYPES[operation.task ?? "document"],
    embedding_types: ["float"],
  };
  if (operation.dimensions !== undefined) body.output_dimension = operation.dimensions;
  if (request.endUser !== undefined) losses.warn("user", "Cohere is not told who the end user is; it was left out");
  for (const { extra } of operation.inputs) losses.carry(extra, body);
  const { input_type: _told, ...extra } = request.extra ?? {};
  losses.carryRequest(extra, body);
  return { method: "POST", path: "/v2/embed", headers: {}, body, warnings: losses.warnings };
}

import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import { type OperationApi, UnsupportedFeature, type UpstreamRequest } from "../../spec/adapter.ts";
import type { Embed, EmbedTask } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { countOf } from "../counts.ts";
import { Losses } from "../losses.ts";
import { textToEmbed } from "../text-to-embed.ts";
import { readOnly, vectorParts, wholeAnswer } from "../whole-answer.ts";

/**
 * Embeddings by InvokeModel, in the words of each maker: Amazon's Titan
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html) takes
 * one text, Cohere's models (…/model-parameters-embed.html) a batch.
 */
export const embedApi: OperationApi = {
  dialect: "bedrock-converse",
  serves: (model) => /embed/.test(model),
  encode,
  decoder: (request) =>
    wholeAnswer((answer) => [
      { type: "start" },
      ...vectorParts(request, rowsOf(answer)),
      ...readOnly(countOf(answer.inputTextTokenCount)),
    ]),
};

function rowsOf({ embedding, embeddings }: JsonObject): (Json | undefined)[] {
  if (embedding !== undefined) return [embedding];
  const rows = isObject(embeddings) ? embeddings.float : embeddings;
  return Array.isArray(rows) ? rows : [];
}

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
  const texts = operation.inputs.map((input) => textToEmbed(input, "Bedrock"));
  const { dimensions, task } = operation;
  const { input_type: _told, ...extra } = request.extra ?? {};
  let body: JsonObject;
  if (/cohere\./.test(model)) {
    body = { texts, input_type: INPUT_TYPES[task ?? "document"], embedding_types: ["float"] };
    if (dimensions !== undefined) body.output_dimension = dimensions;
  } else {
    if (texts.length > 1) throw new UnsupportedFeature("input", "This model of Bedrock's embeds one text in a call.");
    body = { inputText: texts[0]! };
    if (dimensions !== undefined) body.dimensions = dimensions;
    if (task !== undefined) losses.warn("task_type", "Titan makes one kind of vector; it was left out");
  }
  if (request.endUser !== undefined) losses.warn("user", "Bedrock is not told who the end user is; it was left out");
  for (const input of operation.inputs) losses.carry(input.extra, body);
  losses.carryRequest(extra, body);
  const path = `/model/${encodeURIComponent(model)}/invoke`;
  return { method: "POST", path, headers: { accept: "application/json" }, body, warnings: losses.warnings };
}

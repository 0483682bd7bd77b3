import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import { MalformedAnswer, type OperationApi, type UpstreamRequest } from "../../spec/adapter.ts";
import type { Embed, EmbedTask } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { countOf } from "../counts.ts";
import { Losses } from "../losses.ts";
import { textToEmbed } from "../text-to-embed.ts";
import { readOnly, vectorParts, wholeAnswer } from "../whole-answer.ts";
import { geminiModelPath } from "./request.ts";

/** `batchEmbedContents`, or `embedContent` for a caller who asked for that (https://ai.google.dev/api/embeddings). */
export const embedApi: OperationApi = {
  dialect: "gemini",
  encode,
  decoder: (request) =>
    wholeAnswer((answer) => {
      const rows = Array.isArray(answer.embeddings) ? answer.embeddings : [answer.embedding];
      const { usageMetadata } = answer;
      const input = isObject(usageMetadata) ? countOf(usageMetadata.promptTokenCount) : undefined;
      return [{ type: "start" }, ...vectorParts(request, rows.map(valuesOf)), ...readOnly(input)];
    }),
};

function valuesOf(row: Json | undefined): Json | undefined {
  if (!isObject(row)) throw new MalformedAnswer("an answer without vectors");
  return row.values;
}

export const TASKS: Readonly<Record<EmbedTask, string>> = {
  query: "RETRIEVAL_QUERY",
  document: "RETRIEVAL_DOCUMENT",
  similarity: "SEMANTIC_SIMILARITY",
  classification: "CLASSIFICATION",
  clustering: "CLUSTERING",
};

function encode(request: ModelRequest, model: string): UpstreamRequest {
  const operation = request.operation as Embed;
  const losses = new Losses(request.dialect === "gemini");
  const path = geminiModelPath(model);
  const requests = operation.inputs.map((input) => {
    const text = textToEmbed(input, "Gemini");
    const one: JsonObject = { model: path.slice(1), content: { parts: [{ text }] } };
    if (operation.dimensions !== undefined) one.outputDimensionality = operation.dimensions;
    if (operation.task !== undefined) one.taskType = TASKS[operation.task];
    losses.carry(input.extra, one);
    return one;
  });
  if (request.endUser !== undefined) losses.warn("user", "Gemini is not told who the end user is; it was left out");
  const { input_type: _told, ...extra } = request.extra ?? {};
  const single = request.form?.embed === "one";
  const body: JsonObject = single ? requests[0]! : { requests };
  losses.carryRequest(extra, body);
  const method = single ? "embedContent" : "batchEmbedContents";
  return { method: "POST", path: `${path}:${method}`, headers: {}, body, warnings: losses.warnings };
}

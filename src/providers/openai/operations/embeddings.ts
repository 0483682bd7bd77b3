import { isObject, type JsonObject } from "../../../kernel/json.ts";
import { type AnswerDecoder, MalformedAnswer, type OperationApi, type UpstreamRequest } from "../../../spec/adapter.ts";
import type { Embed } from "../../../spec/operation.ts";
import type { ModelRequest } from "../../../spec/request.ts";
import { Losses } from "../../losses.ts";
import { readOnly, vectorParts, wholeAnswer } from "../../whole-answer.ts";
import { errorInside } from "../errors.ts";
import { readUsage } from "../usage.ts";

/** `POST /embeddings` (https://platform.openai.com/docs/api-reference/embeddings). */
export const embeddingsApi: OperationApi = { dialect: "openai-embeddings", encode, decoder };

function encode(request: ModelRequest, model: string): UpstreamRequest {
  const operation = request.operation as Embed;
  const losses = new Losses(request.dialect === "openai-embeddings");
  const inputs = operation.inputs.map((input) => ("text" in input ? input.text : input.tokens));
  const body: JsonObject = { model, input: request.form?.input === "string" ? inputs[0]! : inputs };
  if (operation.dimensions !== undefined) body.dimensions = operation.dimensions;
  if (operation.encoding !== undefined) body.encoding_format = operation.encoding;
  if (request.endUser !== undefined) body.user = request.endUser;
  if (!losses.own && operation.task !== undefined) {
    losses.warn("task_type", "the provider makes one kind of vector; it was left out");
  }
  for (const { extra } of operation.inputs) losses.carry(losses.own ? undefined : extra, {});
  losses.carryRequest(request.extra, body);
  return { method: "POST", path: "/embeddings", headers: {}, body, warnings: losses.warnings };
}

function decoder(request: ModelRequest): AnswerDecoder {
  const { encoding = "float" } = request.operation as Embed;
  const read = wholeAnswer((answer) => {
    const { data, error } = answer;
    if (isObject(error)) return [{ type: "error", error: errorInside(error) }];
    if (!Array.isArray(data)) throw new MalformedAnswer("an answer without data");
    const rows = data.map((row, position) => {
      if (!isObject(row)) throw new MalformedAnswer("an embedding that is no object");
      return { index: typeof row.index === "number" ? row.index : position, embedding: row.embedding };
    });
    // Lookalikes pass over the wish for base64, which OpenAI's clients cannot read then; and clients read by place.
    state.altered = rows.some(
      ({ index, embedding }, place) => index !== place || (typeof embedding === "string") !== (encoding === "base64"),
    );
    rows.sort((one, other) => one.index - other.index);
    return [
      typeof answer.model === "string" ? { type: "start", model: answer.model } : { type: "start" },
      ...vectorParts(
        request,
        rows.map(({ embedding }) => embedding),
      ),
      ...readOnly(readUsage(answer.usage)?.input),
    ];
  });
  const state = { ...read, altered: false };
  return state;
}

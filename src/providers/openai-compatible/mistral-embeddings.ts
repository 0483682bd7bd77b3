import type { OperationApi } from "../../spec/adapter.ts";
import type { Embed } from "../../spec/operation.ts";
import { Losses } from "../losses.ts";
import { embeddingsApi } from "../openai/operations/embeddings.ts";
import { leaveOut } from "../openai/unknown-fields.ts";
import { textToEmbed } from "../text-to-embed.ts";

/**
 * OpenAI's embeddings as Mistral takes them (https://docs.mistral.ai/api/endpoint/embeddings): the number of
 * dimensions has another name, texts only, and a field that it does not know is refused.
 */
export const mistralEmbeddings: OperationApi = {
  ...embeddingsApi,
  encode(request, model, options) {
    for (const input of (request.operation as Embed).inputs) textToEmbed(input, "Mistral");
    const written = embeddingsApi.encode(request, model, options);
    const losses = new Losses(true);
    const { dimensions, ...body } = written.body;
    leaveOut(["user"], body, losses);
    if (dimensions !== undefined) body.output_dimension = dimensions;
    return { ...written, body, warnings: [...written.warnings, ...losses.warnings] };
  },
};

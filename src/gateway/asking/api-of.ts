import { estimateTokens } from "../../domain/plans/estimate.ts";
import { type AccountOptions, type ProviderAdapter, UnsupportedFeature } from "../../spec/adapter.ts";
import type { EventPart } from "../../spec/event.ts";
import { nameOf, type OperationName } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { asConversation } from "./as-conversation.ts";

/**
 * The API in which a provider is asked: that of its conversations, or of the operation. What a
 * provider has no API for is done by another of its own where that gives the same (a completion by a
 * conversation), or here (tokens are counted), and refused otherwise.
 * @throws UnsupportedFeature
 */
export function apiOf(
  kind: ProviderAdapter,
  request: ModelRequest,
  model: string,
  options: AccountOptions,
): ProviderAdapter {
  const { operation } = request;
  if (operation === undefined) return kind.variant?.(request, model, options) ?? kind;
  const own = kind.operations?.[nameOf(operation)];
  if (own !== undefined && own.serves?.(model) !== false) return { ...kind, ...own };
  switch (operation.type) {
    case "count-tokens":
      return { ...kind, local: counted };
    case "complete":
      return asConversation(kind, request, operation, model, options);
    default:
      throw new UnsupportedFeature(
        "model",
        `The provider of this model has no ${NOUNS[nameOf(operation)] ?? OBJECTS}.`,
      );
  }
}

/** An estimate: each model cuts texts in its own way. What is in a file is not seen. */
function* counted(request: ModelRequest): Iterable<EventPart[]> {
  yield [{ type: "result", result: { kind: "token-count", tokens: estimateTokens(request) } }, { type: "end" }];
}

const OBJECTS = "files and batches in this dialect";

const NOUNS: Readonly<Partial<Record<OperationName, string>>> = {
  embed: "embeddings",
  "images.generate": "generation of images",
  "images.edit": "editing of images",
  "images.variation": "variations of images",
  "audio.speech": "speech",
  "audio.transcribe": "transcription",
  "audio.translate": "translation of speech",
  moderate: "moderation",
  rerank: "reranking",
};

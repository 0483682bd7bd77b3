import { type AccountOptions, type ProviderAdapter, UnsupportedFeature } from "../../spec/adapter.ts";
import type { Complete } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";

/** What the legacy API writes where nothing is said. */
const USUAL_MAX_TOKENS = 16;

/**
 * A provider of conversations, asked for how a text goes on: the prompt becomes the only message.
 * What a conversation cannot say is refused, naming the field.
 * @throws UnsupportedFeature
 */
export function asConversation(
  kind: ProviderAdapter,
  request: ModelRequest,
  operation: Complete,
  model: string,
  options: AccountOptions,
): ProviderAdapter {
  const conversation = conversationOf(request, operation);
  const chat = kind.variant?.(conversation, model, options) ?? kind;
  const { local } = chat;
  return {
    ...chat,
    encode: (_request, name, given) => chat.encode(conversation, name, given),
    decoder: () => chat.decoder(conversation),
    ...(local === undefined ? {} : { local: (_request, name, warn) => local(conversation, name, warn) }),
  };
}

function conversationOf(request: ModelRequest, operation: Complete): ModelRequest {
  const [prompt, ...others] = operation.prompts;
  if (others.length > 0) refuse("prompt", "takes one prompt in a call");
  if (typeof prompt !== "string") return refuse("prompt", "takes text, not tokens");
  if (operation.suffix !== undefined) refuse("suffix", "cannot fill in before a suffix");
  if (operation.echo === true) refuse("echo", "does not repeat the prompt");
  if (operation.bestOf !== undefined && operation.bestOf > (request.choices ?? 1)) {
    refuse("best_of", "does not choose the best of several answers");
  }
  const { operation: _, ...rest } = request;
  const conversation: ModelRequest = {
    ...rest,
    messages: [{ role: "user", parts: [{ type: "text", text: prompt }] }],
    maxOutputTokens: request.maxOutputTokens ?? USUAL_MAX_TOKENS,
  };
  if (operation.logprobs !== undefined) {
    conversation.logprobs = true;
    conversation.topLogprobs = operation.logprobs;
  }
  return conversation;
}

function refuse(field: string, what: string): never {
  throw new UnsupportedFeature(field, `The provider of this model answers conversations, and ${what}.`);
}

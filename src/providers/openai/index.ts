import type { ProviderAdapter } from "../../spec/adapter.ts";
import type { Capabilities } from "../../spec/capability.ts";
import { chatAdapter } from "./adapter.ts";
import { isOnChatOnly, isOnResponsesOnly, MODELS, OPERATION_MODELS } from "./models.ts";
import { OPENAI_OPERATIONS } from "./operations/index.ts";
import { OPENAI_QUIRKS } from "./quirks.ts";

/** OpenAI's Chat Completions. Source: OpenAI's API reference. */
export const OPENAI_CAPABILITIES: Capabilities = {
  tools: true,
  forcedTool: true,
  parallelToolSwitch: true,
  imageUrl: true,
  imageBytes: true,
  documents: true,
  documentUrl: false,
  audioInput: true,
  reasoning: true,
  jsonObject: true,
  jsonSchema: true,
  logprobs: true,
  choices: true,
  seed: true,
  logitBias: true,
  penalties: true,
  topK: false,
};

export const openai: ProviderAdapter = chatAdapter({
  kind: "openai",
  baseUrl: "https://api.openai.com/v1",
  needsKey: true,
  capabilities: OPENAI_CAPABILITIES,
  quirks: OPENAI_QUIRKS,
  responses: { own: () => true, only: isOnResponsesOnly, never: isOnChatOnly },
  operations: OPENAI_OPERATIONS,
  models: [...MODELS, ...OPERATION_MODELS],
});

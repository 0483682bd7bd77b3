import type { ProviderAdapter } from "../../spec/adapter.ts";
import { demoAnswer } from "./answer.ts";
import { demoEmbeddings } from "./embed.ts";

/**
 * The built-in model that needs no account: plainly labelled canned text, for the first
 * call after an installation, for trying out tools and streams, and for tests of clients.
 * It costs nothing, and nothing leaves the process.
 */
export const demo: ProviderAdapter = {
  kind: "demo",
  dialect: "canonical",
  baseUrl: null,
  needsKey: false,
  capabilities: {
    tools: true,
    forcedTool: true,
    parallelToolSwitch: true,
    imageUrl: true,
    imageBytes: true,
    documents: true,
    documentUrl: true,
    audioInput: true,
    reasoning: false,
    jsonObject: true,
    jsonSchema: true,
    logprobs: true,
    choices: true,
    seed: true,
    logitBias: false,
    penalties: true,
    topK: true,
  },
  credential: () => ({}),
  encode: noUpstream,
  decoder: noUpstream,
  error: (status) => ({ status, message: "The demo model has no upstream." }),
  models: ["demo"],
  local: demoAnswer,
  operations: {
    embed: { dialect: "canonical", encode: noUpstream, decoder: noUpstream, local: demoEmbeddings },
  },
  test: true,
};

/** `local` answers every call, so whoever comes here has forgotten to ask it. */
function noUpstream(): never {
  throw new Error("broken promise: the demo model is answered locally");
}

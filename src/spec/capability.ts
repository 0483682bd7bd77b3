/**
 * What a provider's API can be asked for. `false` means that a request which needs it is
 * refused with a 400 that names the feature, or goes to another target: never silence.
 */
export interface Capabilities {
  tools: boolean;
  /** Whether a model can be made to call a tool, or one certain tool. */
  forcedTool: boolean;
  /** Whether "at most one tool call" can be asked for. */
  parallelToolSwitch: boolean;
  imageUrl: boolean;
  imageBytes: boolean;
  documents: boolean;
  /** Whether the provider fetches documents itself. */
  documentUrl: boolean;
  audioInput: boolean;
  reasoning: boolean;
  jsonObject: boolean;
  jsonSchema: boolean;
  logprobs: boolean;
  /** More than one answer a call (`n`). */
  choices: boolean;
  seed: boolean;
  logitBias: boolean;
  penalties: boolean;
  topK: boolean;
}

export type Feature = keyof Capabilities;

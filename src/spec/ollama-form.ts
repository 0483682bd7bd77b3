import type { JsonObject } from "../kernel/json.ts";

/**
 * What stands in `form` of a request that came in Ollama's dialect. The wire writes it, and a
 * provider of that dialect reads it, so that it is asked in the caller's own words.
 */

/** `ModelRequest.form` */
export type OllamaRequestForm = {
  /** It came to `/api/generate`: one prompt instead of messages. The answer has another shape there. */
  generate?: true;
  /** `num_predict` where it is no bound: -1 is endless, -2 fills the context. */
  numPredict?: number;
  /** Fields that were sent and say nothing: null, `""`, `[]`, `false`. */
  blank?: JsonObject;
};

/** `form` of a tool-call or tool-result part */
export type OllamaPartForm = {
  /** The caller gave no id; the part's is made up from places in the conversation. */
  madeUp?: true;
  /** `tool_name` of a tool's result. */
  toolName?: string;
};

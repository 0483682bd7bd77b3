import type { JsonObject } from "../kernel/json.ts";

/**
 * What stands in `form` of a request that came in OpenAI's chat dialect. The wire writes it,
 * and providers of that dialect read it, so that they are asked in the caller's own words.
 */

/** `ModelRequest.form` */
export type ChatRequestForm = {
  /** The name that bounded the output. */
  maxTokens?: "max_tokens" | "max_completion_tokens";
  /** `stop` was a string instead of a list. */
  stop?: "string";
  /** Tools came as `functions`, the choice as `function_call`: OpenAI's form of 2023. The answer must speak it too. */
  functions?: true;
  /** The word for "some tool must be called" where it was not `required`: Mistral's `any`. */
  required?: string;
  /** The field that asked for reasoning where it was not `reasoning_effort`: OpenRouter's or Anthropic's object. */
  reasoning?: "reasoning" | "thinking";
  /** The `type` of `thinking` where it was neither `enabled` nor `disabled`: `adaptive`. */
  thinking?: string;
  /** `logprobs` as a number of alternatives, Together's way. */
  logprobs?: number;
};

/** `Message.form` */
export type ChatMessageForm = {
  /** `content` was not there at all, or was a list although a string would do. */
  content?: "absent" | "list";
  /** Fields that repeated the text of all reasoning parts: `reasoning` beside `reasoning_details`. */
  reasoning?: string[];
};

/** `form` of a reasoning, refusal, image, audio, document or tool-call part */
export type ChatPartForm = {
  /** The field of the message in which a thought or a call came. `content` means as an item of the content list. */
  field?: "reasoning_content" | "reasoning" | "reasoning_details" | "content" | "function_call";
  /** Of an item of `reasoning_details`: its `type`, `format`, `id` and `index`, which must come back with it. */
  detail?: JsonObject;
  /** `image_url` or `input_audio` was a bare string. */
  bare?: true;
  /** A document in the form of a lookalike's, whole as it was written, and how its bytes were told. */
  item?: { value: JsonObject; kind: "url" | "base64" };
};

import type { AbsentThought } from "../openai/quirks.ts";

/**
 * What stands for a thought where a server refuses a turn without one, by the models' makers and by hosts that pass
 * calls on to them. Sources: DeepSeek's guide to its thinking mode (#tool-calls), Moonshot's to its thinking models, and
 * the errors that users report ("thinking is enabled but reasoning_content is missing in assistant tool call message",
 * "The `reasoning_content` in the thinking mode must be passed back to the API"). Of Together, Fireworks, Groq,
 * SambaNova, Hugging Face and servers of one's own (vLLM) no such error is known: their templates go without.
 */

const DEEPSEEK = /deepseek-v(?:3\.2|[4-9])/i;
const KIMI_ALWAYS = /kimi-(?:k2-thinking|k2\.[7-9]|k[3-9])/i;
const KIMI_UNLESS_TOLD = /kimi-k2\.[56]/i;

/** Wants the field with texts before a call as well, though it answers with an empty one itself. */
export const AT_DEEPSEEK: AbsentThought = {
  text: "",
  turns: "all",
  demanded: (model, asked) => /reasoner/.test(model) || (asked ?? model !== "deepseek-chat"),
};

/** An empty one counts as missing. K2.5 and K2.6 think unless they are told not to; those named always do. */
export const AT_MOONSHOT: AbsentThought = {
  text: " ",
  turns: "with-calls",
  demanded: (model, asked) =>
    /thinking|kimi-k(?:2\.[7-9]|[3-9])/.test(model) || (KIMI_UNLESS_TOLD.test(model) && asked !== false),
};

/** OpenRouter passes the field on as it came, and makes none of its `reasoning_details` for these two. */
export const AT_OPENROUTER: AbsentThought = {
  text: " ",
  turns: "all",
  field: "reasoning_content",
  demanded: (model, asked) =>
    KIMI_ALWAYS.test(model) || ((DEEPSEEK.test(model) || KIMI_UNLESS_TOLD.test(model)) && asked !== false),
};

/** NVIDIA's hosts refuse calls of the same models without it. */
export const AT_NVIDIA: AbsentThought = {
  text: " ",
  turns: "with-calls",
  field: "reasoning_content",
  demanded: (model) => DEEPSEEK.test(model) || KIMI_ALWAYS.test(model) || KIMI_UNLESS_TOLD.test(model),
};

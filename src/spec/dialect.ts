/** A way of writing model calls as bytes. Callers speak one, providers speak one. */
export type Dialect = "openai-chat" | "anthropic-messages" | "canonical";

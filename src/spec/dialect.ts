/** A way of writing model calls as bytes. Callers speak one, providers speak one. */
export type Dialect =
  | "openai-chat"
  | "openai-responses"
  | "openai-completions"
  | "openai-embeddings"
  | "openai-images"
  | "openai-audio"
  | "openai-moderations"
  | "openai-files"
  | "rerank"
  | "anthropic-messages"
  | "anthropic-batches"
  | "gemini"
  | "ollama"
  | "bedrock-converse"
  | "cohere-chat"
  | "dashscope"
  | "canonical";

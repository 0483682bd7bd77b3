import type { ProviderAccount } from "../domain/catalog/catalog.ts";
import type { ErrorCode } from "../errors.ts";

/** What became of one small question to one model. */
export interface Tried {
  /** As what it answered; null where it did not. */
  answeredAs: "conversation" | "embeddings" | null;
  /** Why there was no answer; null where there was. */
  code: ErrorCode | null;
  /** The status of the provider's refusal; null where it gave none. */
  status: number | null;
  /** What was wrong, for an administrator; without the key. Empty where there was an answer. */
  message: string;
  /** What the provider says that it read and wrote; 0 where it does not say. */
  inputTokens: number;
  outputTokens: number;
  /** Milliseconds. */
  totalMs: number;
}

/**
 * Asks one model of an account whether it answers, as a call would be asked: by the same adapter, with the same
 * key, through the same guarded way out. Never throws.
 */
export type Trial = (account: ProviderAccount, model: string) => Promise<Tried>;

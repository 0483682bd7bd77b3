/** As what an answer was served. `fast` is Anthropic's speed; OpenAI's tier of that name is `priority`. */
export type ServedTier = "standard" | "batch" | "flex" | "priority" | "fast";

export type Rounds = Pick<Usage, "input" | "output" | "cacheRead" | "cacheWrite" | "cacheWriteLong">;

/**
 * Tokens of one answer. `input` is everything the model read, cached or not; `output` is
 * everything it wrote, reasoning included. The others are parts of these two.
 */
export interface Usage {
  input: number;
  output: number;
  /** Part of `input`: read from the provider's prompt cache. A few providers count more here than the whole. */
  cacheRead?: number;
  /** Part of `input`: written to the provider's prompt cache. */
  cacheWrite?: number;
  /** Part of `cacheWrite`: to be kept for longer than usual, at a higher price. */
  cacheWriteLong?: number;
  /** Part of `output`. */
  reasoning?: number;
  /** Part of `input`. */
  audioInput?: number;
  /** Part of `input`. */
  imageInput?: number;
  /** Part of `output`. */
  audioOutput?: number;
  /** Part of `output`. */
  imageOutput?: number;
  /** Part of `input` that the provider does not charge: a preamble of its own. */
  freeInput?: number;
  /** Part of `output` that the provider does not charge. */
  freeOutput?: number;
  /**
   * What was read and written for the answer in rounds that `input` and `output` leave out, and is charged: to shorten
   * the conversation, or to ask another model for advice.
   */
  beside?: Rounds;
  /** As what the provider says that it was served, which may be another tier than was asked for; absent where it does not say. */
  tier?: ServedTier;
}

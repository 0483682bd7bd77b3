import type { Cutting } from "../domain/plans/pieces.ts";
import type { TextCount } from "../domain/plans/text-tokens.ts";

/**
 * Counts the tokens of texts. Its vocabularies are megabytes that most installations with no limit of tokens or
 * money never need, so they are loaded when something first asks for them.
 */
export interface Tokenizer {
  /**
   * @param characters how many of the text are looked at
   * @returns undefined as long as the vocabulary is not there; asking has it loaded
   */
  count(cutting: Cutting, text: string, characters: number): TextCount | undefined;

  /** Resolves when the vocabulary is there, or never will be; undefined where it is there. Asking has it loaded. */
  loading(cutting: Cutting): Promise<void> | undefined;
}

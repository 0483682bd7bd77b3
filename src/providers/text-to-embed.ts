import { UnsupportedFeature } from "../spec/adapter.ts";
import type { EmbedInput } from "../spec/operation.ts";

/** For providers that cut texts themselves. @param who is asked @throws UnsupportedFeature where the caller gave tokens, which only its own provider can read */
export function textToEmbed(input: EmbedInput, who: string): string {
  if ("text" in input) return input.text;
  throw new UnsupportedFeature("input", `${who} takes text to embed, not tokens.`);
}

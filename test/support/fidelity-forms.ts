import { type Listed, named, textOf } from "./fidelity-differences.ts";

/** Google's reasons that are neither a natural end nor a bound nor a filter's. */
const CAME_TO_NOTHING =
  /"finishReason":\s*"(?!STOP|MAX_TOKENS|SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|IMAGE_|MODEL_ARMOR)/;

/** What a dialect's own specification does not allow, in answers that the gateway wrote. */
export const FORMED_OTHERWISE: readonly Listed[] = [
  {
    because: "That an answer came to nothing is told in its provider's word: no list of reasons has one.",
    applies: ({ exchange }) => exchange.api === "gemini.generateContent" && CAME_TO_NOTHING.test(textOf(exchange)),
  },
  named("A call of no function, made by hand: its name is empty.", "apisix/openai--null-function--586148#0"),
];

/** What an official client makes of an answer, beside all that is listed of the answer itself. */
export const CLIENTS_REFUSE: readonly Listed[] = [
  {
    because: "Mistral's client demands a count of tokens, and the provider told none: none is made up.",
    applies: ({ want, found }) =>
      want.in === null && found.every((each) => /^refused: .*(?:at usage|"usage")/s.test(each)),
  },
];

/** What a provider's word must look like to be told as it is. */
const WORD = /^[A-Za-z][\w:. -]{0,63}$/;

/**
 * Why an answer came to nothing, in the provider's own word. The dialects have none of their own for it;
 * OpenRouter says `error`, and Google's own endpoint for OpenAI's clients tells Google's word.
 */
export function failureWord(raw: string | null): string {
  return raw !== null && WORD.test(raw) ? raw : "error";
}

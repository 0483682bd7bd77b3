import type { Json } from "../kernel/json.ts";
import { InvalidRequest } from "../spec/wire.ts";

/** No tokenizer has as many words. */
const MAX_TOKEN = 2 ** 24;

/** A text as the numbers of its tokens. @throws InvalidRequest */
export function readTokens(items: Json[], path: string): number[] {
  if (items.length === 0) throw new InvalidRequest(path, `${path} must not be empty`);
  for (const [index, item] of items.entries()) {
    if (typeof item !== "number" || !Number.isSafeInteger(item) || item < 0 || item > MAX_TOKEN) {
      throw new InvalidRequest(`${path}[${index}]`, `${path}[${index}] must be the number of a token`);
    }
  }
  return items as number[];
}

import type { Json } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Warn } from "./blocks.ts";

/**
 * What OpenAI's dialect can ask for and Anthropic has no place for. A request whose answer
 * would mean something else without it is refused, so that it may go to another target;
 * what only leans on the dice is left out with a warning.
 *
 * | asked for | what happens | why |
 * |---|---|---|
 * | `n` > 1 | refused | the caller reads several answers |
 * | `logprobs`, `top_logprobs` | refused | the caller reads them |
 * | `logit_bias` | refused | it bans or forces words |
 * | `stop` of white space only | refused | Anthropic refuses it, and without it the answer runs on |
 * | `modalities` with more than text | refused | the caller listens to the answer |
 * | `web_search_options` | refused | the answer would not be looked up |
 * | `moderation` | refused | the caller relies on a check that nobody would make |
 * | `seed` | warning | OpenAI promises no more than best effort either |
 * | `presence_penalty`, `frequency_penalty` | warning | a lean, not a rule |
 */
const ROWS: readonly { field: string; refuse: boolean; asked: (request: ModelRequest) => boolean }[] = [
  { field: "n", refuse: true, asked: (request) => (request.choices ?? 1) > 1 },
  { field: "logprobs", refuse: true, asked: (request) => request.logprobs === true },
  { field: "top_logprobs", refuse: true, asked: (request) => (request.topLogprobs ?? 0) > 0 },
  { field: "logit_bias", refuse: true, asked: (request) => Object.keys(request.logitBias ?? {}).length > 0 },
  {
    field: "stop",
    refuse: true,
    asked: (request) => request.stop?.some((word) => word !== "" && word.trim() === "") ?? false,
  },
  { field: "modalities", refuse: true, asked: (request) => !isTextOnly(request.extra?.modalities) },
  { field: "web_search_options", refuse: true, asked: (request) => isGiven(request.extra?.web_search_options) },
  { field: "moderation", refuse: true, asked: (request) => isGiven(request.extra?.moderation) },
  { field: "seed", refuse: false, asked: (request) => request.seed !== undefined },
  { field: "presence_penalty", refuse: false, asked: (request) => (request.presencePenalty ?? 0) !== 0 },
  { field: "frequency_penalty", refuse: false, asked: (request) => (request.frequencyPenalty ?? 0) !== 0 },
];

/** Unknown fields that are read here or elsewhere, so that nobody warns of them. */
export const READ_EXTRA: ReadonlySet<string> = new Set(["thinking", "modalities"]);

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

function isTextOnly(modalities: Json | undefined): boolean {
  return !Array.isArray(modalities) || modalities.every((each) => each === "text");
}

/** @throws UnsupportedFeature for the first row that refuses. */
export function checkSupport(request: ModelRequest, warn: Warn): void {
  for (const { field, refuse, asked } of ROWS) {
    if (!asked(request)) continue;
    if (refuse) throw new UnsupportedFeature(field, `Anthropic has no equivalent of this use of ${field}`);
    warn(field, `Anthropic has no ${field}; it was left out`);
  }
}

import type { Json } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";

/**
 * What another dialect can ask for, and neither Anthropic has a place for nor its capabilities rule out. The
 * answer would mean something else without it, so the request is refused and may go to another target.
 *
 * | asked for | why it is refused |
 * |---|---|
 * | `stop` of white space only | Anthropic refuses it, and without it the answer runs on |
 * | `modalities` with more than text | the caller listens to the answer |
 * | `web_search_options` | the answer would not be looked up |
 * | `moderation` | the caller relies on a check that nobody would make |
 */
const ROWS: readonly { field: string; asked: (request: ModelRequest) => boolean }[] = [
  {
    field: "stop",
    asked: (request) => request.stop?.some((word) => word !== "" && word.trim() === "") ?? false,
  },
  { field: "modalities", asked: (request) => !isTextOnly(request.extra?.modalities) },
  { field: "web_search_options", asked: (request) => isGiven(request.extra?.web_search_options) },
  { field: "moderation", asked: (request) => isGiven(request.extra?.moderation) },
];

/** Unknown fields that are read here or elsewhere, so that nobody warns of them. */
export const READ_EXTRA: ReadonlySet<string> = new Set(["thinking", "modalities"]);

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

function isTextOnly(modalities: Json | undefined): boolean {
  return !Array.isArray(modalities) || modalities.every((each) => each === "text");
}

/** @throws UnsupportedFeature for the first row that is asked for. */
export function checkSupport(request: ModelRequest): void {
  const row = ROWS.find(({ asked }) => asked(request));
  if (row === undefined) return;
  throw new UnsupportedFeature(row.field, `Anthropic has no equivalent of this use of ${row.field}`);
}

import { isObject, type JsonObject } from "../../kernel/json.ts";
import type { EventPart } from "../../spec/event.ts";

/** As many as Anthropic quotes of a page. */
const MAX_QUOTED = 150;

const PAGE = "web_search_result_location";

/**
 * A citation in Anthropic's words (https://docs.claude.com/en/docs/agents-and-tools/tool-use/web-search-tool#citations):
 * its own as it came, another provider's of a page as one that a search found. Citations of anything else have no place.
 * `encrypted_index`, by which Anthropic knows its own search results again, is empty: nothing was found at Anthropic.
 */
export function citationFor({ dialect, value }: Extract<EventPart, { type: "citation" }>): JsonObject | undefined {
  if (dialect === "anthropic-messages") return value;
  const { url, title, cited_text } = isObject(value.url_citation) ? value.url_citation : value;
  if (typeof url !== "string") return undefined;
  return {
    type: PAGE,
    cited_text: typeof cited_text === "string" ? [...cited_text].slice(0, MAX_QUOTED).join("") : "",
    url,
    // Some clients (Vercel's AI SDK) fail on null.
    title: typeof title === "string" ? title : url,
    encrypted_index: "",
  };
}

/**
 * What stands beside an earlier answer's text, without the citations that were made here: Anthropic would refuse them,
 * and whoever made the answer knows nothing of them.
 */
export function withoutMade(extra: JsonObject | undefined): JsonObject | undefined {
  if (extra === undefined || !Array.isArray(extra.citations)) return extra;
  const { citations, ...rest } = extra;
  const left = citations.filter((each) => !isObject(each) || each.type !== PAGE || each.encrypted_index !== "");
  if (left.length === citations.length) return extra;
  if (left.length > 0) return { ...rest, citations: left };
  return Object.keys(rest).length > 0 ? rest : undefined;
}

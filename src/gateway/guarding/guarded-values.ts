import { countReadings, type PhraseMatcher } from "../../domain/guardrails/phrases.ts";
import { parseBounded } from "../../kernel/json.ts";
import { isBase64, textOfBase64, textsOfDataUrl } from "./encoded-text.ts";

/**
 * Words that the dialects and JSON Schema themselves use. As a whole key, or as the whole value
 * of one of `WORD_FIELDS`, they say nothing that anybody wrote, and a phrase such as "text" or
 * "user" must not find them. Only exact words: `text` is one, `text about falcons` is not.
 */
const VOCABULARY: ReadonlySet<string> = new Set(
  `type role name id index input output text content value data title description arguments function custom
  tool tools tool_calls tool_use tool_result tool_use_id tool_choice server_tool_use web_search_tool_result choices delta
  message messages user system developer assistant object string number integer boolean array null properties required
  items enum const default format additionalProperties anyOf oneOf allOf not $ref $defs $schema definitions minimum
  maximum minLength maxLength minItems maxItems pattern examples metadata user_id cache_control ephemeral ttl source url
  base64 media_type citations citation annotations url_citation start_index end_index cited_text document audio transcript
  image file text_delta input_json_delta partial_json citations_delta thinking_delta signature_delta content_block_start
  content_block_delta content_block auto none low medium high minimal standard_only priority flex json_schema schema strict
  image/png image/jpeg image/gif image/webp application/pdf text/plain wav mp3`.split(/\s+/),
);

/** Fields whose value may be a word of the dialect. Those of the canonical form are judged as `format`. */
const WORD_FIELDS: ReadonlySet<string> = new Set(["type", "role", "media_type", "format"]);

/** Fields that some servers take bytes in without a word on what they are, where others take an address. */
const BYTES: ReadonlySet<string> = new Set([
  "bytes",
  "file_data",
  "url",
  "image_url",
  "document_url",
  "file_url",
  "video_url",
  "input_audio",
]);

/** From so many characters on a text without spaces may be bytes; a shorter one may be a word. */
const LONG = 64;

export interface Leaf {
  /** Where it stands. Elements of a list are told apart by their `index` field where they have one: that is how dialects continue them. */
  path: string;
  text: string;
}

/** Every string, number and key in a value that someone may have written, the dialect's own words and media bytes left out. */
export function leavesOf(value: unknown, path = "", out: Leaf[] = [], field = ""): Leaf[] {
  if (typeof value === "string" || typeof value === "number") {
    const text = String(value);
    if (!(WORD_FIELDS.has(field) && VOCABULARY.has(text))) out.push({ path, text });
  } else if (Array.isArray(value)) {
    for (const [position, item] of value.entries()) {
      const index = typeof item === "object" && item !== null && "index" in item ? item.index : position;
      // A list of words, as in a schema's `type: ["string", "null"]`.
      leavesOf(item, `${path}/${index}`, out, field);
    }
  } else if (typeof value === "object" && value !== null) {
    const mediaType = mediaTypeOf(value);
    const media = mediaType !== undefined || field === "audio";
    for (const [name, inner] of Object.entries(value)) {
      if (name === "index" && typeof inner === "number") continue;
      const isData = name === "b64_json" || (media && name === "data");
      if (typeof inner === "string" && (isData || (BYTES.has(name) && isBase64(inner)))) {
        const encoded = textOfBase64(inner, mediaType ?? "");
        if (encoded !== undefined) out.push({ path: `${path}/${name} (decoded)`, text: encoded });
        else if (isData && inner.length >= LONG && isBase64(inner) && !("type" in value && value.type === "text"))
          continue;
      }
      if (!VOCABULARY.has(name)) out.push({ path: `${path}/${name} (key)`, text: name });
      leavesOf(inner, `${path}/${name}`, out, name);
    }
  }
  return out;
}

/** The media type of bytes, as Anthropic or Google says it. */
function mediaTypeOf(value: object): string | undefined {
  for (const name of ["media_type", "mimeType", "mime_type", "mediaType"]) {
    const type = (value as Record<string, unknown>)[name];
    if (typeof type === "string") return type;
  }
  return undefined;
}

/** Matches in a value, as `leavesOf` reads it. A text that is itself JSON is judged as the value it stands for. */
export function countInValue(value: unknown, matcher: PhraseMatcher): number {
  let count = 0;
  for (const { text } of leavesOf(value)) count += countInText(text, matcher);
  return count;
}

/**
 * Matches in a text, which may be a JSON object or list: a provider streams as JSON text what
 * it says as a value when it answers at once, and both must get the same verdict.
 */
export function countInText(text: string, matcher: PhraseMatcher): number {
  if (/^\s*[{[]/.test(text)) {
    const value = parseBounded(text);
    if (typeof value === "object" && value !== null) return countInValue(value, matcher);
  }
  const carried = textsOfDataUrl(text);
  if (carried !== undefined) {
    const head = text.slice(0, text.indexOf(","));
    return [head, ...carried].reduce((most, each) => Math.max(most, countReadings(each, matcher)), 0);
  }
  return countReadings(text, matcher);
}

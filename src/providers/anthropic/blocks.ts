import { isObject, type Json, type JsonObject, wordOf } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Extensible, MediaSource, Part, ToolResultPart } from "../../spec/message.ts";
import { unseal } from "../../spec/sealed.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import { saysNothing } from "../losses.ts";
import { nameForAnthropic } from "./tool-names.ts";

/** Tells the caller of something that was left out, once a field. */
export type Warn = (field: string, message: string) => void;

/**
 * Writes canonical parts as content blocks (https://docs.claude.com/en/api/messages). For
 * callers of Anthropic's own dialect it writes what they sent. For the others it leaves
 * out what Anthropic would refuse, and takes one thing from their `extra`: a part's
 * `cache_control`, by which prompt caching is asked for through OpenAI's dialect elsewhere too.
 */
export class BlockWriter {
  readonly #own: boolean;
  readonly #warn: Warn;
  readonly #ids = new ToolIds();

  constructor(own: boolean, warn: Warn) {
    this.#own = own;
    this.#warn = warn;
  }

  /** The block, or undefined where the part says nothing. @throws UnsupportedFeature */
  block(part: Part, path: string): JsonObject | undefined {
    switch (part.type) {
      case "text":
      case "refusal":
        return this.#says(part.text) ? this.#with(part, { type: "text", text: part.text }) : undefined;
      case "image":
        return this.#with(part, { type: "image", source: this.#source(part.source, path, part.extra) });
      case "document":
        return this.#document(part, path);
      case "reasoning":
        return this.#thinking(part, path);
      case "tool-call": {
        const input = argumentsAsObject(part.arguments);
        const name = this.#own ? part.name : nameForAnthropic(part.name);
        return this.#with(part, { type: "tool_use", id: this.#ids.of(part.id), name, input });
      }
      case "tool-result":
        return this.#result(part, path);
      case "opaque":
        if (this.#own) return part.value;
        throw new UnsupportedFeature(path, "Anthropic has no form for this kind of content");
      case "audio":
        throw new UnsupportedFeature(path, "Anthropic's models do not take audio");
    }
  }

  blocks(parts: readonly Part[], path: string): JsonObject[] {
    const blocks: JsonObject[] = [];
    for (const part of parts) {
      const block = this.block(part, path);
      if (block !== undefined) blocks.push(block);
    }
    return blocks;
  }

  /** Anthropic refuses texts without a character that is visible. */
  #says(text: string): boolean {
    return this.#own || text.trim() !== "";
  }

  #with(part: Extensible, block: JsonObject): JsonObject {
    if (part.extra === undefined) return block;
    if (this.#own) {
      const { source: _, ...extra } = part.extra;
      return { ...block, ...extra };
    }
    for (const name in part.extra) {
      if (name === "cache_control" && isObject(part.extra[name])) block.cache_control = part.extra[name];
      else if (!saysNothing(part.extra[name]!))
        this.#warn(name, `Anthropic's content blocks have no ${name}; it was left out`);
    }
    return block;
  }

  #source(source: MediaSource, path: string, extra: JsonObject | undefined): JsonObject {
    const rest = this.#own && isObject(extra?.source) ? extra.source : {};
    switch (source.kind) {
      case "base64":
        return { type: "base64", media_type: this.#mediaType(source.mediaType), data: source.data, ...rest };
      case "url": {
        const data = DATA_URL.exec(source.url);
        if (data !== null) {
          return { type: "base64", media_type: this.#mediaType(data[1]!), data: source.url.slice(data[0].length) };
        }
        return { type: "url", url: source.url, ...rest };
      }
      case "file":
        if (this.#own) return { type: "file", file_id: source.fileId, ...rest };
        throw new UnsupportedFeature(path, "a file that was uploaded to another provider is not known to Anthropic");
    }
  }

  /** Clients of other dialects say `image/jpg`, which Anthropic's list of media types does not know. */
  #mediaType(type: string): string {
    return !this.#own && /^image\/jpg$/i.test(type) ? "image/jpeg" : type;
  }

  #document(part: Extract<Part, { type: "document" }>, path: string): JsonObject {
    let source: JsonObject;
    if (part.source.kind === "text") {
      const rest = this.#own && isObject(part.extra?.source) ? part.extra.source : {};
      source = { type: "text", media_type: part.source.mediaType, data: part.source.text, ...rest };
    } else {
      source = this.#source(part.source, path, part.extra);
      if (!this.#own && source.type === "base64") source = documentSource(source, path);
    }
    const block: JsonObject = { type: "document", source };
    if (part.name !== undefined) block.title = part.name;
    return this.#with(part, block);
  }

  /** A thought counts only with the signature that Anthropic gave it; without one it refuses the whole request. */
  #thinking(part: Extract<Part, { type: "reasoning" }>, path: string): JsonObject | undefined {
    if (unseal(part.redacted ?? part.signature) !== undefined) {
      this.#warn(path, "a thought that another provider signed was left out");
      return undefined;
    }
    if (part.redacted !== undefined) return this.#with(part, { type: "redacted_thinking", data: part.redacted });
    if (part.signature === undefined || part.signature === "") {
      this.#warn(path, "reasoning without Anthropic's signature was left out");
      return undefined;
    }
    return this.#with(part, { type: "thinking", thinking: part.text, signature: part.signature });
  }

  #result(part: ToolResultPart, path: string): JsonObject {
    const block: JsonObject = { type: "tool_result", tool_use_id: this.#ids.of(part.callId) };
    const content = this.blocks(part.content, path);
    // Anthropic refuses an error of nothing.
    if (!this.#own && part.isError === true && content.length === 0) {
      content.push({ type: "text", text: "The tool failed without a word." });
    }
    const worded = this.#own && part.form?.content === "blocks";
    if (content.length > 0 || worded) block.content = worded ? content : (textAlone(content) ?? content);
    if (part.isError !== undefined) block.is_error = part.isError;
    return this.#with(part, block);
  }
}

const DATA_URL = /^data:([\w.+/-]+)(?:;[\w.=+-]+)*;base64,/;

/** The text of a content that is one plain text: the shorter of two equal forms. */
export function textAlone(blocks: readonly Json[]): string | undefined {
  const block = blocks.length === 1 ? blocks[0] : undefined;
  if (!isObject(block) || block.type !== "text" || Object.keys(block).length !== 2) return undefined;
  return block.text as string;
}

/** Documents are PDF or text; a text comes as it is, not as base64. */
function documentSource(source: JsonObject, path: string): JsonObject {
  const mediaType = wordOf(source.media_type);
  if (mediaType === "application/pdf") return source;
  if (!mediaType.startsWith("text/") && mediaType !== "application/json") {
    throw new UnsupportedFeature(path, `Anthropic takes documents as PDF or text, not as ${mediaType}`);
  }
  return { type: "text", media_type: "text/plain", data: Buffer.from(wordOf(source.data), "base64").toString("utf8") };
}

/**
 * Ids of tool calls: Anthropic allows letters, digits, `_` and `-`. Calls that another
 * provider named otherwise (`functions.search:0`) get a name of that kind, the same one in
 * the call and in its result.
 */
class ToolIds {
  readonly #written = new Map<string, string>();
  readonly #taken = new Set<string>();

  of(id: string): string {
    const known = this.#written.get(id);
    if (known !== undefined) return known;
    const plain = id.replace(/[^\w-]/g, "_") || "call";
    let written = plain;
    for (let n = 2; this.#taken.has(written); n++) written = `${plain}_${n}`;
    this.#written.set(id, written);
    this.#taken.add(written);
    return written;
  }
}

import { isObject, type JsonObject } from "../../kernel/json.ts";
import { UnsupportedFeature } from "../../spec/adapter.ts";
import type { Part, ReasoningPart, ToolResultPart } from "../../spec/message.ts";
import { unseal } from "../../spec/sealed.ts";
import { argumentsAsObject } from "../../spec/tool-arguments.ts";
import type { Losses } from "../losses.ts";
import { idForServer } from "../openai/tool-names.ts";
import { audioBlock, documentBlock, imageBlock } from "./media.ts";
import type { Family } from "./models.ts";
import { nameForBedrock } from "./names.ts";

const CALL_IDS = { allowed: /^[\w-]{1,64}$/, length: 32 };
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Writes canonical parts as content blocks of Converse (API reference, ContentBlock). */
export class BlockWriter {
  readonly #family: Family;
  readonly #losses: Losses;
  #documents = 0;

  constructor(family: Family, losses: Losses) {
    this.#family = family;
    this.#losses = losses;
  }

  /** @throws UnsupportedFeature */
  blocks(parts: readonly Part[], path: string): JsonObject[] {
    const blocks: JsonObject[] = [];
    for (const part of parts) {
      const block = this.#block(part, path);
      if (block === undefined) continue;
      blocks.push(block);
      this.#rest(part);
      const point = this.cachePoint(part);
      if (point !== undefined) blocks.push(point);
    }
    return blocks;
  }

  /** What of a part has no place here. Thoughts come back with more than they need. */
  #rest({ type, extra }: Part): void {
    if (extra === undefined || type === "reasoning") return;
    for (const name in extra) {
      const isRead = name === "cache_control" || (type === "document" && (name === "citations" || name === "context"));
      if (!isRead) this.#losses.carry({ [name]: extra[name]! }, {});
    }
  }

  /** What the caller marked with Anthropic's `cache_control`, as the cache point that stands behind it. */
  cachePoint(marked: { extra?: JsonObject }, isTool = false): JsonObject | undefined {
    const mark = marked.extra?.cache_control;
    if (!isObject(mark)) return undefined;
    const { cachePoints } = this.#family;
    if (cachePoints === "none" || (isTool && cachePoints === "no-tools")) {
      this.#losses.warn("cache_control", "this model takes no cache point there; it was left out");
      return undefined;
    }
    const ttl = mark.ttl;
    return { cachePoint: typeof ttl === "string" && ttl !== "5m" ? { type: "default", ttl } : { type: "default" } };
  }

  /** undefined: the part says nothing, and Bedrock refuses blank texts. */
  #block(part: Part, path: string): JsonObject | undefined {
    switch (part.type) {
      case "text":
      case "refusal":
        return part.text.trim() === "" ? undefined : { text: part.text };
      case "image":
        if (part.detail !== undefined) this.#losses.warn("detail", "Bedrock has no detail of images; it was left out");
        return imageBlock(part, path);
      case "document":
        return documentBlock(part, ++this.#documents, path);
      case "audio":
        return audioBlock(part, path);
      case "reasoning":
        return this.#thought(part, path);
      case "tool-call": {
        const input = argumentsAsObject(part.arguments);
        return { toolUse: { toolUseId: idForServer(part.id, CALL_IDS), name: nameForBedrock(part.name), input } };
      }
      case "tool-result":
        return this.#result(part, path);
      case "opaque":
        throw new UnsupportedFeature(path, "Bedrock's Converse has no form for this kind of content");
    }
  }

  /**
   * A thought goes back where it was signed: by Claude, whose signatures hold on every platform.
   * Other models' thoughts are not taken back.
   */
  #thought(part: ReasoningPart, path: string): JsonObject | undefined {
    const signature = signatureOf(part.signature);
    if (this.#family.claude !== undefined) {
      const { redacted } = part;
      const sealed = redacted === undefined ? undefined : signatureOf(redacted);
      if (sealed !== undefined && BASE64.test(sealed)) return { reasoningContent: { redactedContent: sealed } };
      if (redacted === undefined && signature !== undefined) {
        return { reasoningContent: { reasoningText: { text: part.text, signature } } };
      }
    }
    this.#losses.warn(path, "an earlier thought that this model has not signed was left out");
    return undefined;
  }

  #result(part: ToolResultPart, path: string): JsonObject {
    const content = this.blocks(part.content, path).filter((block) => block.cachePoint === undefined);
    // Claude takes a result of nothing, unless it is an error; other models do not.
    if (content.length === 0 && (part.isError === true || this.#family.claude === undefined)) {
      content.push({ text: part.isError === true ? "The tool failed without a word." : "(empty)" });
    }
    const result: JsonObject = { toolUseId: idForServer(part.callId, CALL_IDS), content };
    if (part.isError !== undefined) result.status = part.isError ? "error" : "success";
    return { toolResult: result };
  }
}

/** A signature that is Claude's: bare, or sealed as one of its. */
function signatureOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  const seal = unseal(text);
  if (seal === undefined) return text;
  const isClaudes = seal.dialect === "anthropic-messages" || seal.dialect === "bedrock-converse";
  return isClaudes && seal.place === "thought" ? seal.data : undefined;
}

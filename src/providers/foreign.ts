import { UnsupportedFeature, type Warning } from "../spec/adapter.ts";
import type { Message, Part } from "../spec/message.ts";
import type { ModelRequest, Tool } from "../spec/request.ts";
import type { Fitted } from "./capable.ts";

/**
 * A request of another dialect: one that only its own can answer is refused, and what a provider of
 * another one may go without is left out, with a warning.
 * @throws UnsupportedFeature
 */
export function withoutForeign(request: ModelRequest): Fitted {
  const bound = request.dialectBound?.[0];
  if (bound !== undefined) {
    throw new UnsupportedFeature(
      bound,
      `the model's provider has no ${bound}, and the answer would be another one without`,
    );
  }
  const warnings: Warning[] = [];
  const warn = (field: string, message: string) => {
    if (!warnings.some((warning) => warning.field === field)) warnings.push({ field, message });
  };
  let known = offeringAllowed(request, warn);
  if (known.tools?.some(isOptional)) {
    const tools = known.tools.filter((tool) => {
      if (!isOptional(tool)) return true;
      const index = request.tools!.indexOf(tool);
      warn(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}; the model was not offered it`);
      return false;
    });
    known = { ...known, tools };
  }
  if (request.messages.some(hasOpaque)) {
    const messages = request.messages.flatMap((message) => {
      if (!hasOpaque(message)) return [message];
      const parts = message.parts.map(withWordsOfCompaction).filter((part) => {
        if (part.type !== "opaque" || part.optional !== true) return true;
        warn(typeOf(part), "the provider has no such content; it was left out of an earlier answer");
        return false;
      });
      return parts.length === 0 ? [] : [{ ...message, parts }];
    });
    known = { ...known, messages };
  }
  return { known, warnings };
}

/** A compaction of Anthropic's stands for the conversation before it, so its words stay. */
function withWordsOfCompaction(part: Part): Part {
  if (part.type !== "opaque" || part.value.type !== "compaction" || typeof part.value.content !== "string") return part;
  return { type: "text", text: part.value.content };
}

/**
 * A choice among some of the functions, which other dialects do not have, or not all their models: the model is
 * offered those alone.
 */
function offeringAllowed(request: ModelRequest, warn: (field: string, message: string) => void): ModelRequest {
  const { tools = [], toolChoice } = request;
  const among = toolChoice?.type === "opaque" ? toolChoice.among : undefined;
  if (among === undefined) return request;
  const allowed = new Set(among.names);
  const offered = tools.filter((tool) => tool.type === "function" && allowed.has(tool.name));
  if (offered.length < allowed.size) return request;
  if (offered.length < tools.length) warn("tool_choice", "the model was offered no other tools than it may call");
  const one = among.type === "required" && among.names.length === 1;
  return {
    ...request,
    tools: offered,
    toolChoice: one ? { type: "tool", name: among.names[0]! } : { type: among.type },
  };
}

function isOptional(tool: Tool): tool is Extract<Tool, { type: "opaque" }> {
  return tool.type === "opaque" && tool.optional === true;
}

function hasOpaque(message: Message): boolean {
  return message.parts.some((part) => part.type === "opaque");
}

/** The longest name of a kind that is told. */
const MAX_KIND = 64;

/** What kind of tool or content only another dialect knows: its type, or its first field, as Google names its tools. */
export function typeOf({ value }: { value: Record<string, unknown> }): string {
  const kind = typeof value.type === "string" ? value.type : (Object.keys(value)[0] ?? "this kind");
  return kind.slice(0, MAX_KIND);
}

import { UnsupportedFeature, type Warning } from "../spec/adapter.ts";
import type { Message } from "../spec/message.ts";
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
  let known = request;
  if (request.tools?.some(isOptional)) {
    const tools = request.tools.filter((tool, index) => {
      if (!isOptional(tool)) return true;
      warn(`tools[${index}]`, `the provider has no tool of type ${typeOf(tool)}; the model was not offered it`);
      return false;
    });
    known = { ...known, tools };
  }
  if (request.messages.some(hasOptional)) {
    const messages = request.messages.map((message) => {
      if (!hasOptional(message)) return message;
      const parts = message.parts.filter((part) => {
        if (part.type !== "opaque" || part.optional !== true) return true;
        warn(typeOf(part), "the provider has no such content; it was left out of an earlier answer");
        return false;
      });
      return { ...message, parts };
    });
    known = { ...known, messages: messages.filter((message) => message.parts.length > 0) };
  }
  return { known, warnings };
}

function isOptional(tool: Tool): tool is Extract<Tool, { type: "opaque" }> {
  return tool.type === "opaque" && tool.optional === true;
}

function hasOptional(message: Message): boolean {
  return message.parts.some((part) => part.type === "opaque" && part.optional === true);
}

/** The longest name of a kind that is told. */
const MAX_KIND = 64;

/** What kind of tool or content only another dialect knows: its type, or its first field, as Google names its tools. */
export function typeOf({ value }: { value: Record<string, unknown> }): string {
  const kind = typeof value.type === "string" ? value.type : (Object.keys(value)[0] ?? "this kind");
  return kind.slice(0, MAX_KIND);
}

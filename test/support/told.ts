import type { EventPart } from "../../src/spec/event.ts";

/** What an answer says, block by block: `text:Hello`, `f(c1):{"a":1}`, then how it ended. */
export function told(parts: readonly EventPart[]): string[] {
  const lines = new Map<string, string>();
  const after: string[] = [];
  for (const part of parts) {
    if (part.type === "block-start") {
      lines.set(`${part.choice}.${part.block}`, `${titleOf(part.content)}:`);
    } else if (part.type === "text-delta" || part.type === "arguments-delta" || part.type === "signature-delta") {
      const key = `${part.choice}.${part.block}`;
      const more = part.type === "signature-delta" ? ` signed ${part.signature}` : part.text;
      lines.set(key, `${lines.get(key)}${more}`);
    } else if (part.type === "finish") after.push(`finish ${part.reason}`);
    else if (part.type === "end") after.push("end");
    else if (part.type === "error") after.push(`error ${part.error.status} ${part.error.message}`);
  }
  return [...lines.values(), ...after];
}

function titleOf(content: Extract<EventPart, { type: "block-start" }>["content"]): string {
  if (content.kind === "tool-call") return `${content.name}(${content.id})`;
  if (content.kind === "redacted-reasoning") return `sealed ${content.data}`;
  return content.kind === "opaque" ? JSON.stringify(content.value) : content.kind;
}

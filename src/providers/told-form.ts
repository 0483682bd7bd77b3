import type { ModelRequest } from "../spec/request.ts";

/** The form of the answer among what the system says, for a model that cannot be held to it. */
export function withFormTold(request: ModelRequest): ModelRequest {
  const { messages } = request;
  const text = formOf(request.responseFormat);
  if (text === undefined) return request;
  const after = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const system = messages[after === -1 ? messages.length - 1 : after - 1];
  const last = system?.parts.at(-1);
  // One text stays one: not every server takes a list, or a second message of the system's.
  if (system !== undefined && last?.type === "text") {
    const parts = [...system.parts.slice(0, -1), { ...last, text: `${last.text}\n\n${text}` }];
    return { ...request, messages: messages.map((message) => (message === system ? { ...message, parts } : message)) };
  }
  return { ...request, messages: [{ role: "system", parts: [{ type: "text", text }] }, ...messages] };
}

function formOf(format: ModelRequest["responseFormat"]): string | undefined {
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json" || format.schema === undefined) return "Answer with one JSON object and nothing else.";
  const about = format.description === undefined ? "" : ` (${format.description})`;
  const schema = JSON.stringify(format.schema);
  return `Answer with one JSON value and nothing else${about}. It must be valid under this JSON Schema:\n${schema}`;
}

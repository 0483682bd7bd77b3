import type { JsonObject } from "../../../kernel/json.ts";
import type { EventPart } from "../../../spec/event.ts";
import type { ModelRequest } from "../../../spec/request.ts";

/** Whether the answer is written after the call, and fetched by its id: of `background` with a stream, all is told in it. */
export function isBackground({ dialect, extra, stream, operation }: ModelRequest): boolean {
  return dialect === "openai-responses" && operation === undefined && !stream && extra?.background === true;
}

/** A response of which there is no more yet than its id and its status. It is told as it is: no model's words are in it. */
export function begunResponse(response: JsonObject): EventPart[] {
  const start: EventPart = { type: "start" };
  if (typeof response.id === "string" && response.id !== "") start.id = response.id;
  return [
    start,
    { type: "result", result: { kind: "body", mediaType: "application/json", content: { json: response } } },
    { type: "end" },
  ];
}

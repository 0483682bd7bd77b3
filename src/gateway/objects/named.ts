import {
  type Mentioned,
  mentionedFiles,
  PREVIOUS_RESPONSE,
  previousResponseOf,
} from "../../domain/catalog/stored-state.ts";
import { GatewayError } from "../../errors.ts";
import type { ObjectKind } from "../../ports/provider-objects.ts";
import type { Part } from "../../spec/message.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { isObjectId } from "../../wire/openai-files/index.ts";

/** By what a request names something at a provider. */
export interface Named {
  id: string;
  kind: ObjectKind;
  /** The caller's field. */
  field: string;
}

/** What else names a file. An API that lets it pass, as `storedState` does, still lets nobody name another's. */
export function mentionedIn(request: ModelRequest): Mentioned[] {
  if (request.calls === undefined) return mentionedFiles(request);
  return [request, ...request.calls.map((call) => call.request)].flatMap(mentionedFiles);
}

/** Blanks, control characters, and what nobody sees. */
const UNSEEN = /[\s\p{C}]+/gu;

/** A provider may skip what is no part of an id, and find another's that is not known by this one. @throws GatewayError */
export function checkWritten({ id, field }: Mentioned): void {
  const meant = id.replace(UNSEEN, "");
  if (meant !== id && isObjectId(meant))
    throw refused(field.slice(0, 200), "must be an id, without blanks or control characters");
}

const FILE = "file_id";

/** Files, and the response to go on from, in conversations of OpenAI's dialects, in which they are kept here; each once. */
export function namedIn(request: ModelRequest): Map<string, Named> {
  const named = new Map<string, Named>();
  const look = (part: Part) => {
    if ((part.type === "image" || part.type === "document") && part.source.kind === "file") {
      named.set(part.source.fileId, { id: part.source.fileId, kind: "file", field: FILE });
    } else if (part.type === "tool-result") for (const inner of part.content) look(inner);
  };
  for (const each of [request, ...(request.calls ?? []).map((call) => call.request)]) {
    if (each.dialect !== "openai-chat" && each.dialect !== "openai-responses") continue;
    for (const message of each.messages) for (const part of message.parts) look(part);
    const id = previousResponseOf(each);
    if (id !== undefined) named.set(id, { id, kind: "response", field: PREVIOUS_RESPONSE });
  }
  return named;
}

export function refused(field: string, must: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${must}.`, { param: field });
}

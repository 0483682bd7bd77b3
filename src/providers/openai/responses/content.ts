import type { JsonObject } from "../../../kernel/json.ts";
import type { DocumentPart, ImagePart, MediaSource } from "../../../spec/message.ts";
import type { Losses } from "../../losses.ts";

export function imageItem(part: ImagePart, losses: Losses): JsonObject {
  const item: JsonObject = { type: "input_image" };
  if (part.source.kind === "file") item.file_id = fileId(part.source.fileId, "image", losses);
  else item.image_url = addressOf(part.source);
  if (part.detail !== undefined) item.detail = part.detail;
  losses.carry(part.extra, item);
  return item;
}

export function documentItem(part: DocumentPart, losses: Losses): JsonObject {
  const { source } = part;
  if (source.kind === "text") {
    const text = part.name === undefined ? source.text : `${part.name}\n\n${source.text}`;
    const item: JsonObject = { type: "input_text", text };
    losses.carry(part.extra, item);
    return item;
  }
  const item: JsonObject = { type: "input_file" };
  if (source.kind === "file") item.file_id = fileId(source.fileId, "document", losses);
  else if (source.kind === "url") item.file_url = source.url;
  else item.file_data = addressOf(source);
  if (part.name !== undefined) item.filename = part.name;
  // OpenAI refuses data without a name.
  else if (!losses.own && source.kind === "base64") {
    item.filename = source.mediaType === "application/pdf" ? "document.pdf" : "document";
  }
  losses.carry(part.extra, item);
  return item;
}

function addressOf(source: Exclude<MediaSource, { kind: "file" }>): string {
  return source.kind === "url" ? source.url : `data:${source.mediaType};base64,${source.data}`;
}

/** A file lies with the provider whose dialect named it; another one does not have it. */
function fileId(id: string, what: string, losses: Losses): string {
  return losses.own
    ? id
    : losses.refuse("messages", `the ${what} is a file of another provider's, which this one cannot read`);
}

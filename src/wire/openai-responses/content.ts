import { isObject, type Json, type JsonObject } from "../../kernel/json.ts";
import type {
  DocumentPart,
  Extensible,
  ImagePart,
  MediaSource,
  OpaquePart,
  Part,
  RefusalPart,
  Role,
  TextPart,
} from "../../spec/message.ts";
import type { ResponsesPartForm } from "../../spec/responses-form.ts";
import { sourceOf } from "../openai-chat/source.ts";
import { Fields } from "../read.ts";

/** Parts of one content list. Documents with many pages come as one image each; nothing sane has more. */
const MAX_PARTS = 10_000;

const TEXT = new Set(["type", "text"]);
const REFUSAL = new Set(["type", "refusal"]);
const IMAGE = new Set(["type", "image_url", "file_id", "detail"]);
const FILE = new Set(["type", "file_id", "file_url", "file_data", "filename"]);

/** The type that a text has by its role; another one is remembered. */
const TEXT_TYPE = (role: Role) => (role === "assistant" ? "output_text" : "input_text");

export type ContentPart = TextPart | ImagePart | DocumentPart | RefusalPart | OpaquePart;

/**
 * The content of a message, or the output of a tool: a string, or a list of parts. Always at
 * least one part, because the item stands on it.
 * @throws InvalidRequest
 */
export function readContent(fields: Fields, name: string, role: Role, item: number): ContentPart[] {
  const value = fields.raw(name);
  if (value === undefined || (Array.isArray(value) && value.length === 0)) {
    return [{ type: "text", text: "", form: { item, content: "none" } satisfies ResponsesPartForm }];
  }
  if (typeof value === "string") {
    return [{ type: "text", text: value, form: { item, content: "string" } satisfies ResponsesPartForm }];
  }
  const list = fields.array(name, MAX_PARTS) ?? fields.fail(name, "must be a string or an array of parts");
  return list.map((value, index) => readPart(Fields.of(value, `${fields.path(name)}[${index}]`), role, item));
}

function readPart(part: Fields, role: Role, item: number): ContentPart {
  const type = part.requiredString("type");
  switch (type) {
    case "input_text":
    case "output_text":
    case "text": {
      const form: ResponsesPartForm = { item };
      if (type !== TEXT_TYPE(role)) form.type = type;
      const text: TextPart = { type: "text", text: part.requiredString("text"), form };
      return withExtra(text, withoutEmpty(part.extra(TEXT), form));
    }
    case "refusal":
      return withExtra<RefusalPart>(
        { type: "refusal", text: part.requiredString("refusal"), form: { item } },
        part.extra(REFUSAL),
      );
    case "input_image":
      return readImage(part, item);
    case "input_file":
      return readFile(part, item);
    default:
      return { type: "opaque", value: part.value, form: { item } };
  }
}

/** Annotations and log probabilities come back with what the model said, mostly empty. Empty ones are no loss. */
function withoutEmpty(extra: JsonObject | undefined, form: ResponsesPartForm): JsonObject | undefined {
  if (extra === undefined) return undefined;
  let rest: JsonObject | undefined;
  for (const name in extra) {
    const value = extra[name]!;
    if (value === null) continue;
    if (Array.isArray(value) && value.length === 0 && /^\w{1,64}$/.test(name)) {
      form.empty ??= [];
      form.empty.push(name);
    } else {
      rest ??= {};
      rest[name] = value;
    }
  }
  return rest;
}

function readImage(part: Fields, item: number): ImagePart | OpaquePart {
  const url = imageAddress(part);
  const id = part.string("file_id");
  if ((url === undefined) === (id === undefined)) return { type: "opaque", value: part.value, form: { item } };
  const source: MediaSource = id === undefined ? sourceOf(url!) : { kind: "file", fileId: id };
  const image: ImagePart = { type: "image", source, form: { item } };
  const detail = part.string("detail");
  if (detail !== undefined) image.detail = detail;
  return withExtra(image, part.extra(IMAGE));
}

/** A string here, and an object in Chat Completions, which some clients send here too. */
function imageAddress(part: Fields): string | undefined {
  const given = part.raw("image_url");
  return isObject(given) ? new Fields(given, part.path("image_url")).requiredString("url") : part.string("image_url");
}

function readFile(part: Fields, item: number): DocumentPart | OpaquePart {
  const id = part.string("file_id");
  const url = part.string("file_url");
  const data = part.string("file_data");
  const given = [id, url, data].filter((each) => each !== undefined);
  const bytes = data === undefined ? undefined : sourceOf(data);
  if (given.length !== 1 || (bytes !== undefined && bytes.kind !== "base64")) {
    return { type: "opaque", value: part.value, form: { item } };
  }
  const source: MediaSource =
    id !== undefined ? { kind: "file", fileId: id } : url !== undefined ? { kind: "url", url } : bytes!;
  const document: DocumentPart = { type: "document", source, form: { item } };
  const name = part.string("filename");
  if (name !== undefined) document.name = name;
  return withExtra(document, part.extra(FILE));
}

export function withExtra<T extends Extensible>(value: T, extra: JsonObject | undefined): T {
  if (extra !== undefined) value.extra = extra;
  return value;
}

/** What a tool gave back, which holds no refusals. */
export function asResultPart(part: Part, value: Json | undefined): TextPart | ImagePart | DocumentPart | OpaquePart {
  if (part.type === "text" || part.type === "image" || part.type === "document" || part.type === "opaque") return part;
  const opaque: OpaquePart = { type: "opaque", value: isObject(value) ? value : {} };
  return part.form === undefined ? opaque : { ...opaque, form: part.form };
}

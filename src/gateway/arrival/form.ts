import { GatewayError } from "../../errors.ts";
import { MAX_FORM_FIELDS } from "../../kernel/bounds.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { FormFile } from "../../spec/operation.ts";

const TYPE = "multipart/form-data";

export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === TYPE;
}

export interface Form {
  fields: JsonObject;
  files: FormFile[];
}

/**
 * A form (RFC 7578) as fields and files. A field that is repeated is a list.
 * @throws GatewayError invalid_request
 */
export async function readForm(bytes: Uint8Array, contentType: string): Promise<Form> {
  let entries: [string, string | File][];
  try {
    const data = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
    entries = [...(data as unknown as Iterable<[string, string | File]>)];
  } catch (cause) {
    throw new GatewayError("invalid_request", "The body is not a valid multipart/form-data.", { cause });
  }
  const form: Form = { fields: {}, files: [] };
  if (entries.length > MAX_FORM_FIELDS) {
    throw new GatewayError("invalid_request", `The form has more than ${MAX_FORM_FIELDS} fields.`);
  }
  for (const [field, value] of entries) {
    if (field === "__proto__") {
      throw new GatewayError("invalid_request", `${field} is not a field of any API.`, { param: field });
    }
    if (typeof value === "string") add(form.fields, field, value);
    else form.files.push({ field, name: value.name, mediaType: value.type, bytes: await value.bytes() });
  }
  return form;
}

function add(fields: JsonObject, name: string, value: string): void {
  const there = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (there === undefined) fields[name] = value;
  else if (Array.isArray(there)) there.push(value);
  else fields[name] = [there, value];
}

const encoder = new TextEncoder();
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w.-]+)*$/;

/**
 * Fields and files as the bytes of a form. It is written anew, so that what a caller hid between
 * the parts of its own does not go on.
 * @param boundary that nobody else can know, so that no file holds it
 */
export function writeForm(fields: JsonObject, files: readonly FormFile[], boundary: string): Uint8Array {
  const pieces: Uint8Array[] = [];
  const head = (disposition: string) => pieces.push(encoder.encode(`--${boundary}\r\n${disposition}`));
  for (const [name, value] of Object.entries(fields)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === null) continue;
      head(`content-disposition: form-data; name="${quoted(name)}"\r\n\r\n`);
      pieces.push(encoder.encode(`${textOf(each)}\r\n`));
    }
  }
  for (const { field, name, mediaType, bytes } of files) {
    const type = MEDIA_TYPE.test(mediaType) ? mediaType : "application/octet-stream";
    head(
      `content-disposition: form-data; name="${quoted(field)}"; filename="${quoted(name)}"\r\ncontent-type: ${type}\r\n\r\n`,
    );
    pieces.push(bytes, encoder.encode("\r\n"));
  }
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  return Buffer.concat(pieces);
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** As browsers do (https://html.spec.whatwg.org/#multipart-form-data): a name cannot end its line, or itself. */
function quoted(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

import { GatewayError } from "../errors.ts";
import { MAX_JSON_DEPTH } from "../kernel/bounds.ts";
import { type Json, parseJson } from "../kernel/json.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * JSON as RFC 8259 and RFC 7493 (I-JSON) want it: UTF-8 without a byte order mark, no key
 * twice in one object. `JSON.parse` alone takes the last of two equal keys, where whoever
 * reviewed or signed the request may have read the first.
 *
 * @throws GatewayError invalid_json
 */
export function parseStrictJson(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    throw new GatewayError("invalid_json", "The body is not UTF-8.");
  }
  const value = parseJson(text);
  if (value === undefined) throw new GatewayError("invalid_json", "The body is not JSON.");
  refuseDuplicates(text);
  return value;
}

/** Walks a text that is known to be JSON; one set of names for each object that is open. */
function refuseDuplicates(text: string): void {
  const open: (Set<string> | null)[] = [];
  let nameComes = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const end = endOfString(text, i);
      const names = open.at(-1);
      if (nameComes && names) {
        const name = JSON.parse(text.slice(i, end + 1)) as string;
        if (names.has(name)) {
          throw new GatewayError("invalid_json", `The body has the key ${JSON.stringify(name)} twice in one object.`, {
            param: name,
          });
        }
        names.add(name);
        nameComes = false;
      }
      i = end;
    } else if (char === "{" || char === "[") {
      if (open.length >= MAX_JSON_DEPTH) throw new GatewayError("invalid_json", "The body is nested too deeply.");
      open.push(char === "{" ? new Set() : null);
      nameComes = char === "{";
    } else if (char === "}" || char === "]") {
      open.pop();
      nameComes = false;
    } else if (char === ",") {
      nameComes = open.at(-1) !== null;
    }
  }
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i;
}

/** An address that carries what it leads to (RFC 2397). */
export interface DataUrl {
  /** As written; "" where there is none, which means `text/plain;charset=US-ASCII`. */
  mediaType: string;
  /** All between the type and the comma, as written: `charset=utf-8;base64`. It may be as long as the text. */
  parameters: string;
  /** Whether the last parameter is `base64`; `anywhere` whether one is, which is enough for some readers. */
  base64: boolean;
  anywhere: boolean;
  /** What stands behind the comma, as written. */
  data: string;
}

/** Readers of addresses skip blanks before one, and tabs and line breaks within (https://url.spec.whatwg.org/#concept-basic-url-parser). */
const SCHEME = /^[\0- ]*d[\t\n\r]*a[\t\n\r]*t[\t\n\r]*a[\t\n\r]*:/i;

const LAST = /^\s*base64\s*$/i;
const ANYWHERE = /(?:^|;)\s*base64\s*(?:;|$)/i;

/** undefined where the text is no such address. Takes time in proportion to what stands before the comma. */
export function dataUrlOf(text: string): DataUrl | undefined {
  const scheme = SCHEME.exec(text);
  const comma = scheme === null ? -1 : text.indexOf(",", scheme[0].length);
  if (comma === -1) return undefined;
  const head = text.slice(scheme![0].length, comma).replace(/[\t\n\r]/g, "");
  const end = head.indexOf(";");
  const parameters = end === -1 ? "" : head.slice(end + 1);
  return {
    mediaType: (end === -1 ? head : head.slice(0, end)).trim(),
    parameters,
    base64: LAST.test(parameters.slice(parameters.lastIndexOf(";") + 1)),
    anywhere: ANYWHERE.test(parameters),
    data: text.slice(comma + 1),
  };
}

const PERCENT = 0x25;

/** The bytes of a text in which `%41` stands for a byte; a `%` before anything else stands for itself. */
export function percentDecoded(text: string): Uint8Array {
  const written = new TextEncoder().encode(text);
  let to = written.indexOf(PERCENT);
  if (to === -1) return written;
  for (let from = to; from < written.length; from++) {
    const byte = written[from]!;
    const high = byte === PERCENT ? digitOf(written[from + 1]) : -1;
    const low = high === -1 ? -1 : digitOf(written[from + 2]);
    if (low !== -1) from += 2;
    written[to++] = low === -1 ? byte : high * 16 + low;
  }
  return written.subarray(0, to);
}

/** What a byte says as a hexadecimal digit; -1 where it is none. */
function digitOf(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

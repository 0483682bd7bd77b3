import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { GatewayError } from "../errors.ts";

/** Content codings (RFC 9110, section 8.4.1; zstd: RFC 8878) that are undone though nobody asked for them. */
const DECODERS = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
} as const;

export type Coding = keyof typeof DECODERS;

/** How content is coded; undefined where it is not. @throws GatewayError upstream_malformed for one that nobody knows here. */
export function codingOf(headers: Readonly<Record<string, string>>): Coding | undefined {
  const told = headers["content-encoding"];
  if (told === undefined) return undefined;
  const coding = told.toLowerCase();
  if (coding === "" || coding === "identity") return undefined;
  if (Object.hasOwn(DECODERS, coding)) return coding as Coding;
  throw new GatewayError("upstream_malformed", "The provider sent something that is no answer.", {
    internal: "a content coding that is not known",
  });
}

/** What the content was before it was coded, piece by piece: no more is unpacked than is read. */
export async function* decoded(
  coding: Coding,
  content: AsyncIterableIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  const decoder = DECODERS[coding]();
  const input = Readable.from(content, { objectMode: false });
  // The cause of a failure on the way in is what the reader is told.
  input.once("error", (cause) => decoder.destroy(cause));
  input.pipe(decoder);
  try {
    for await (const piece of decoder) yield piece as Uint8Array;
  } catch (cause) {
    if (input.errored !== null) throw input.errored;
    throw new GatewayError("upstream_cut", "The provider's answer broke off before it was whole.", {
      internal: "what was compressed cannot be unpacked",
      cause,
    });
  } finally {
    decoder.destroy();
    input.destroy();
  }
  return undefined;
}

import type { EventPart } from "../../spec/event.ts";
import type { Embed, EmbedInput } from "../../spec/operation.ts";
import type { ModelRequest } from "../../spec/request.ts";

/** Numbers in a vector where nothing is asked for. */
const DIMENSIONS = 256;
/** Characters of a token, about what English takes. */
const TOKEN = 4;
const PIECE = 3;

/**
 * Vectors that know nothing of meaning: each counts which pieces of three letters a text has, so
 * texts that share words are near each other, and a search can be tried out. The same text gets
 * the same vector, always.
 */
export function* demoEmbeddings(request: ModelRequest, model: string): Generator<EventPart[]> {
  const { inputs, dimensions = DIMENSIONS } = request.operation as Embed;
  yield [{ type: "start", model }];
  let tokens = 0;
  for (const [index, input] of inputs.entries()) {
    const pieces = piecesOf(input);
    tokens += "text" in input ? Math.ceil(input.text.length / TOKEN) : input.tokens.length;
    yield [{ type: "result", result: { kind: "vector", index, vector: vectorOf(pieces, dimensions) } }];
  }
  yield [{ type: "usage", usage: { input: tokens, output: 0 } }, { type: "end" }];
}

function piecesOf(input: EmbedInput): string[] {
  if (!("text" in input)) return input.tokens.map(String);
  const text = ` ${input.text.toLowerCase()} `;
  return Array.from({ length: Math.max(1, text.length - PIECE + 1) }, (_, at) => text.slice(at, at + PIECE));
}

/** Of length one. */
function vectorOf(pieces: readonly string[], dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const piece of pieces) vector[hashOf(piece) % dimensions]! += 1;
  const length = Math.hypot(...vector);
  return vector.map((value) => Math.fround(value / length));
}

/** FNV-1a, 32 bits (draft-eastlake-fnv). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

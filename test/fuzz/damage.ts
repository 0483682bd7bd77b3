import fc from "fast-check";
import type { Json, JsonObject } from "../../src/kernel/json.ts";

/** One place in a JSON value, by the number of the key at each depth (taken modulo), and what is done there. */
export interface Wound {
  steps: readonly number[];
  how: "replace" | "remove" | "repeat" | "add";
  value: Json;
}

/** What decoders trip over: the wrong type, the edges of numbers, names of prototypes, depth, blocks of other kinds. */
const NASTY: readonly Json[] = [
  ...[null, true, false, 0, -1, 0.5, 1e308, -1e308, 2 ** 53, "", " ", "x", "null", "[DONE]", "{", "\ud800", "\u0000"],
  ...[[], {}, [null], [[]], [{}], { type: "x" }, { type: null }, { type: "text" }, { text: 7 }, { function: null }],
  ...[{ __proto__: 1 }, { constructor: { prototype: 1 } }, { toString: "x" }, { length: -1 }],
  ...[{ functionCall: {} }, { tool_use: {} }, { role: "tool" }, { type: "tool_use", input: "x" }, { image_url: {} }],
  JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`) as Json,
  JSON.parse('{"__proto__": {"polluted": true}}') as Json,
];

const wound: fc.Arbitrary<Wound> = fc.record({
  steps: fc.array(fc.nat(40), { maxLength: 9 }),
  how: fc.constantFrom("replace", "replace", "replace", "remove", "repeat", "add"),
  value: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...NASTY) },
    fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
  ),
});

export const wounds: fc.Arbitrary<Wound[]> = fc.array(wound, { minLength: 1, maxLength: 4 });

/** The value with these wounds; the one given stays whole. */
export function damaged(value: Json, all: readonly Wound[]): Json {
  const root = { root: structuredClone(value) };
  for (const each of all) hurt(root, each);
  return root.root;
}

function hurt(root: { root: Json }, { steps, how, value }: Wound): void {
  let parent = root as unknown as JsonObject;
  let key = "root";
  for (const step of steps) {
    const below = parent[key];
    if (typeof below !== "object" || below === null) break;
    const keys = Object.keys(below);
    if (keys.length === 0) break;
    parent = below as JsonObject;
    key = keys[step % keys.length]!;
  }
  if (how === "remove" && key !== "root") {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (how === "repeat" && Array.isArray(parent))
    parent.splice(Number(key), 0, structuredClone(parent[Number(key)]!));
  else if (how === "add" && !Array.isArray(parent)) parent[`${key}_`] = structuredClone(value);
  else parent[key] = structuredClone(value);
}

/** What happens to bytes on their way: some are lost, turned, doubled, or the rest never comes. */
export interface Break {
  at: number;
  how: "flip" | "drop" | "double" | "cut" | "insert";
  count: number;
}

const breakage: fc.Arbitrary<Break> = fc.record({
  at: fc.nat(1_000_000),
  how: fc.constantFrom("flip", "drop", "double", "cut", "insert"),
  count: fc.integer({ min: 1, max: 60 }),
});

export const breaks: fc.Arbitrary<Break[]> = fc.array(breakage, { minLength: 1, maxLength: 3 });

export function broken(bytes: Uint8Array, all: readonly Break[]): Uint8Array {
  let made = bytes;
  for (const { at, how, count } of all) {
    if (made.length === 0) break;
    const from = at % made.length;
    const [before, after] = [made.slice(0, from), made.slice(from)];
    const piece = after.slice(0, count);
    if (how === "flip")
      made = joined(
        before,
        piece.map((byte) => byte ^ (1 << (count % 8))),
        after.slice(count),
      );
    else if (how === "drop") made = joined(before, after.slice(count));
    else if (how === "double") made = joined(before, piece, after);
    else if (how === "cut") made = before;
    else
      made = joined(
        before,
        Uint8Array.from({ length: count }, (_, i) => (at + i * 37) % 256),
        after,
      );
  }
  return made;
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Every run is another one; the seed is said, so that what failed can be had again: FUZZ_SEED=… */
export function fuzzing(runs: number): { seed: number; numRuns: number } {
  return { seed: SEED, numRuns: runs };
}

export const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

/** The value once for each of its places, with that place replaced. */
export function* replacedEverywhere(value: Json, by: Json): Generator<{ path: string; damaged: Json }> {
  const places: (readonly (string | number)[])[] = [];
  const visit = (at: Json, path: readonly (string | number)[]) => {
    if (path.length > 0) places.push(path);
    if (typeof at !== "object" || at === null) return;
    for (const key of Object.keys(at)) visit((at as JsonObject)[key]!, [...path, key]);
  };
  visit(value, []);
  for (const path of places) {
    const copy = structuredClone(value) as JsonObject;
    let parent = copy;
    for (const key of path.slice(0, -1)) parent = parent[key] as JsonObject;
    parent[path.at(-1)!] = structuredClone(by);
    yield { path: path.join("."), damaged: copy };
  }
}

import { expect, test } from "bun:test";
import { readVocabulary, Vocabularies } from "./vocabularies.ts";

const throwing = (cause: unknown) => {
  throw cause;
};

test("nothing is read before it is asked for; the first to ask is told nothing, and then it counts", async () => {
  const vocabularies = new Vocabularies(throwing);
  expect(vocabularies.count("o200k", "hello world", 11)).toBeUndefined();
  await vocabularies.load("o200k");
  expect(vocabularies.count("o200k", "hello world", 11)).toEqual({ tokens: 2, bound: 4 });
  expect(vocabularies.count("cl100k", "hello world", 11)).toBeUndefined();
});

test("who cannot do without waits for it, and nobody waits for what is there", async () => {
  const vocabularies = new Vocabularies(throwing);
  await vocabularies.loading("o200k");
  expect(vocabularies.count("o200k", "hello world", 11)).toEqual({ tokens: 2, bound: 4 });
  expect(vocabularies.loading("o200k")).toBeUndefined();
});

test("a vocabulary is read once, however many ask", () => {
  const vocabularies = new Vocabularies(throwing);
  expect(vocabularies.load("cl100k")).toBe(vocabularies.load("cl100k"));
});

test("reading one lets others have their turn", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await new Vocabularies(throwing).load("o200k");
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});

test("a file that is not what it was is told, and nothing is counted by it", async () => {
  const read = (text: string) => readVocabulary(new TextEncoder().encode(text));
  for (const broken of ["YQ==", "YQ== 0", "YQ== x\n", "YQ== 1\nYg== 0\n", "YQ== -1\n"]) {
    await expect(read(broken)).rejects.toThrow(SyntaxError);
  }
  const { longest } = await read("YQ== 0\nYg== 2\nYWI= 3\n");
  expect(longest).toBe(2);
});

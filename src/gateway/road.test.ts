/** Conventions of the road, executed: each stage says what it promises, and the page reads like the table. */
import { expect, test } from "bun:test";
import { join } from "node:path";

/** In the order of the road; reserve.ts makes the Hold that settle.ts ends with closing.ts and record.ts. */
const STAGES = [
  ["accept", "accept.ts"],
  ["identify", "identify.ts"],
  ["decode", "decode.ts"],
  ["locate", "locate.ts"],
  ["authorize", "authorize.ts"],
  ["reserve", "reserve.ts"],
  ["settle", "settle.ts"],
  ["guardInput", "guard-input.ts"],
  ["route", "route.ts"],
  ["dispatch", "dispatch.ts"],
  ["guardOutput", "guard-output.ts"],
  ["respond", "respond.ts"],
] as const;

const read = (file: string) => Bun.file(join(import.meta.dir, file)).text();

test("a stage's file opens with the promise it keeps", async () => {
  for (const [, file] of STAGES)
    expect((await read(file)).replace(/^\/\/ tidy:.*\n/, "")).toMatch(/^\/\*\*\s[\s*]*Promise: /);
});

test("handle.ts calls the stages in the order of the table, each once", async () => {
  const page = await read("handle.ts");
  const body = page.slice(page.indexOf("return async function handle"));
  const called = [...body.matchAll(/stages\.(\w+)\(/g)].map((match) => match[1]);
  const wanted = [
    "begin",
    "accept",
    "identify",
    "listModels",
    "listObjects",
    "decode",
    "locate",
    "authorize",
    "reserve",
    "settle",
    "guardInput",
    "route",
  ];
  expect(called).toEqual([...wanted, "dispatch", "guardOutput", "respond", "refuse"]);
});

test("gateway.ts builds every stage", async () => {
  const assembly = await read("gateway.ts");
  for (const [name] of STAGES) expect(assembly).toContain(`${name}: create`);
  expect(assembly).toContain("begin: createBegin");
  expect(assembly).toContain("refuse: createRefuse");
});

test("tickets are made by their stage alone: their classes are not exported", async () => {
  for (const [name, file] of STAGES) {
    const text = await read(file);
    if (name !== "respond") expect(text).toContain("class Ticket");
    expect(text).not.toContain("export class Ticket");
  }
});

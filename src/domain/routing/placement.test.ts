import { expect, test } from "bun:test";
import { type Demands, mayServe, type Place } from "./placement.ts";

test.each<[string, Place, Demands | undefined, boolean]>([
  ["nothing is demanded", {}, undefined, true],
  ["an empty demand", {}, { regions: [], dataHandling: [] }, true],
  ["the right region", { region: "eu" }, { regions: ["eu", "ch"], dataHandling: [] }, true],
  ["another region", { region: "us" }, { regions: ["eu"], dataHandling: [] }, false],
  ["no word of a region", {}, { regions: ["eu"], dataHandling: [] }, false],
  ["all promises", { dataHandling: ["a", "b", "c"] }, { regions: [], dataHandling: ["a", "b"] }, true],
  ["one promise of two", { dataHandling: ["a"] }, { regions: [], dataHandling: ["a", "b"] }, false],
  ["no promise at all", {}, { regions: [], dataHandling: ["a"] }, false],
  ["the region without the promise", { region: "eu" }, { regions: ["eu"], dataHandling: ["a"] }, false],
])("%s", (_, place, demands, may) => expect(mayServe(place, demands)).toBe(may));

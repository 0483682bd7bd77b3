// Covers tools/provider-page.ts and tools/provider-asks.ts: the page says what adapters declare and do, both ways.
import { describe, expect, test } from "bun:test";
import { ADAPTERS } from "../src/providers/adapters.ts";
import type { ProviderAdapter } from "../src/spec/adapter.ts";
import { providersPage } from "./docs.ts";
import { ASKING_FRONTS, type AskingFront, type Feature } from "./provider-asks.ts";
import { FEATURES, fateOf } from "./provider-page.ts";

const NAMES = Object.keys(FEATURES) as Feature[];
const asked = ADAPTERS.filter(({ local }) => local === undefined);

describe("docs/providers.md", () => {
  const page = providersPage();

  test("names every provider, in its list and in every front's table", () => {
    for (const { kind } of asked) {
      expect([kind, page.split(`\`${kind}\``).length - 1]).toEqual([kind, 2 + ASKING_FRONTS.length]);
    }
  });

  test("names no provider that there is not", () => {
    const named = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, kind]) => kind!);
    expect(named.filter((kind) => !asked.some((adapter) => adapter.kind === kind))).toEqual([]);
  });

  test("has a table for every front, with every feature that it has a word for", () => {
    for (const front of ASKING_FRONTS) {
      const [, section] = page.split(`## Asked in ${front.name}\n`);
      const head = section!.split("\n").find((line) => line.startsWith("| provider"))!;
      for (const feature of NAMES) {
        const there = head.includes(`| ${FEATURES[feature]} |`);
        expect([front.name, feature, there]).toEqual([front.name, feature, front.asks[feature] !== undefined]);
      }
    }
  });
});

/** Models of hosts that publish none, or others, and one of which nothing is known. */
const OTHERS = ["anthropic.claude-sonnet-4-20250514-v1:0", "qwen3-max", "some-model"];

/** As the API declares it in which this front's calls are asked. Any object can be asked for by a schema. */
function declares(adapter: ProviderAdapter, { wire, plain }: AskingFront, feature: Feature, model: string): boolean {
  const request = wire.decode(plain, { params: { model }, query: "" });
  const { capabilities } = adapter.variant?.(request, model, {}) ?? adapter;
  return capabilities[feature] || (feature === "jsonObject" && capabilities.jsonSchema);
}

describe("what an adapter declares is what it does", () => {
  test.each(NAMES.map((feature) => [feature]))("%s", (feature) => {
    const lies: string[] = [];
    for (const adapter of asked) {
      const models = [...adapter.models, ...OTHERS];
      const carried = ASKING_FRONTS.flatMap((front) =>
        models
          .filter((model) => fateOf(front, adapter, feature, model) === "carried")
          .map((model) => ({ front, model })),
      );
      if (adapter.capabilities[feature] && carried.length === 0) {
        lies.push(`${adapter.kind} declares it, and nobody can ask it`);
      }
      for (const { front, model } of carried) {
        if (!declares(adapter, front, feature, model)) lies.push(`${adapter.kind} is asked, and does not declare it`);
      }
    }
    expect(lies).toEqual([]);
  });
});

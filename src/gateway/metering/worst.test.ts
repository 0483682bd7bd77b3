import { describe, expect, test } from "bun:test";
import type { CatalogModel } from "../../domain/catalog/catalog.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { Prices } from "../../ports/prices.ts";
import type { Tokenizer } from "../../ports/tokenizer.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { Grant } from "../authorize.ts";
import { priceQueryOf } from "./price-query.ts";
import {
  type Bounding,
  countedAgain,
  type Limited,
  mayFitCounted,
  promptTokens,
  untilCounted,
  type WorstPorts,
  worstCaseOf,
  worstTokens,
} from "./worst.ts";

const request: ModelRequest = {
  dialect: "openai-chat",
  model: "m",
  messages: [],
  stream: false,
  includeUsage: false,
  maxOutputTokens: 10,
};
const unseen: ModelRequest = { ...request, dialectBound: ["conversation"] };
const target = (model: string, contextTokens?: number) => {
  const row = { provider: "p", model, weight: 1 };
  return contextTokens === undefined ? row : { ...row, contextTokens };
};

function grant(asked: ModelRequest, rows: CatalogModel["targets"]): Grant {
  return {
    call: { at: 0 },
    caller: { principal: { tenant: { id: "ten_1", name: "acme" } } },
    request: asked,
    bodyBytes: 100,
    model: { name: "m", targets: rows.slice(0, 1), fallbacks: rows.slice(1) },
    catalog: { providers: new Map([["p", { name: "p", kind: "k" }]]) },
  } as unknown as Grant;
}
/** Small ones, of which every call is a good part. */
const limiting = (...what: (keyof Limited)[]): Limited => {
  return { tokens: what.includes("tokens") ? 1_000 : Infinity, usd: what.includes("usd") ? 1_000_000 : Infinity };
};

const prices: Prices = {
  rates: (_, model) => (model === "unknown" ? undefined : { input: model === "dear" ? 10 : 1, output: 2, source: "t" }),
  contextTokens: (_, model) => (model === "known" ? 128_000 : undefined),
};

/** A token a word of two letters or more; what is asked is kept. */
const asked: string[] = [];
const tokenizer: Tokenizer = {
  count(cutting, text) {
    asked.push(`${cutting} ${text.length}`);
    const words = text.split(/\W+/).filter((word) => word.length > 1).length;
    return { tokens: words, bound: 2 * words };
  },
  loading: () => undefined,
};
const adapter: WorstPorts["adapter"] = () => undefined;
const ports: WorstPorts = { prices, tokenizer, adapter };
/** What is put around a prompt of no messages, by tokenizers that are known, and by others. */
const [EXACT, OTHER, CLAUDE] = [48, 64, 96];

test("of several targets the longest context is taken: the row's own, the public one, or a large bound", () => {
  const longest = (...rows: CatalogModel["targets"]) => worstTokens(grant(unseen, rows), ports).input;
  expect(longest(target("known"))).toBe(128_000);
  expect(longest(target("known", 8_000))).toBe(8_000);
  expect(longest(target("known"), target("other", 300_000))).toBe(300_000);
  expect(longest(target("known"), target("other"))).toBe(2_000_000);
  expect(worstTokens(grant(request, [target("known")]), ports)).toEqual({ input: OTHER, output: 10 });
});

test("an answer without a bound is no longer than the model takes", () => {
  const { maxOutputTokens: _, ...free } = request;
  const output = (...rows: CatalogModel["targets"]) => worstTokens(grant(free, rows), ports).output;
  expect(output(target("known", 8_000))).toBe(8_000);
  expect(output(target("known", 8_000), target("known", 16_000))).toBe(16_000);
  expect(output(target("other"))).toBe(128_000);
  expect(output(target("known", 1_000_000))).toBe(128_000);
});

test("nor longer than the target's row says, or its provider knows of its model", () => {
  const { maxOutputTokens: _, ...free } = request;
  const longest = (name: string) => (name === "short" ? 4_096 : undefined);
  const knowing: WorstPorts = { ...ports, adapter: () => ({ longestAnswer: longest }) };
  const output = (...rows: CatalogModel["targets"]) => worstTokens(grant(free, rows), knowing).output;
  expect(output(target("short"))).toBe(4_096);
  expect(output(target("other"))).toBe(128_000);
  expect(output({ ...target("short"), outputTokens: 500 })).toBe(500);
  expect(output({ ...target("other"), outputTokens: 500 }, target("short"))).toBe(4_096);
});

describe("thoughts that no bound on the output limits are held on top of it", () => {
  const over = (thoughts: number): WorstPorts => ({ ...ports, adapter: () => ({ thoughtsOnTop: () => thoughts }) });
  const rows: [string, number, Partial<ModelRequest>, number][] = [
    ["as many as the provider's adapter tells", 5_000, {}, 5_010],
    ["for each of the answers", 5_000, { choices: 3 }, 15_030],
    ["and where the answer has no bound either", 5_000, { maxOutputTokens: undefined as never }, 133_000],
    ["once, where a field tells of them as well", 5_000, { extra: { thinking_budget: 5_000 } }, 5_010],
    ["by the larger budget", 5_000, { extra: { chat_template_kwargs: { thinking_budget: 6_000 } } }, 6_010],
    ["by a budget above the bound, whatever the server", 0, { extra: { thinking_budget: 100_000 } }, 100_010],
    ["but not by one within the bound", 0, { extra: { thinking_budget: 10 } }, 10],
    ["nor where nobody asks for any", 0, {}, 10],
  ];
  test.each(rows)("%s", (_, thoughts, asked, output) => {
    const made = { ...request, ...asked };
    if (made.maxOutputTokens === undefined) delete made.maxOutputTokens;
    const of = grant(made, [target("other")]);
    expect(worstCaseOf(of, over(thoughts), limiting("tokens"), "quick").output).toBe(output);
    expect(worstTokens(of, over(thoughts)).output).toBe(output);
  });
});

describe("a prompt is bounded", () => {
  const text = "some words ".repeat(200);
  const long = { ...grant({ ...request, messages: [{ role: "user", parts: [{ type: "text", text }] }] }, [target("gpt-4o")]), bodyBytes: 5_000 } as Grant; // biome-ignore format: one line
  const input = (of: Grant, bounding: Bounding, tokens = 1_000) => {
    return worstCaseOf(of, ports, { ...limiting(), tokens }, bounding).input;
  };
  const bytes = EXACT + 12 + text.length;

  test("by its bytes where it is long and little of every limit, and by its tokens where it is not", () => {
    asked.length = 0;
    expect(input(long, "quick", (bytes + 10) * 1_000)).toBe(bytes);
    expect(asked).toEqual([]);
    expect(input(long, "quick", (bytes + 10) * 1_000 - 1)).toBe(EXACT + 12 + 400);
    asked.length = 0;
    const anew = { ...long, request: { ...long.request, messages: [...long.request.messages] } } as Grant;
    expect(input(anew, "counted")).toBe(EXACT + 12 + 400);
    expect(input(anew, "counted")).toBe(EXACT + 12 + 400);
    expect(asked).toEqual([`o200k ${text.length}`]);
  });
  test("by its tokens where it is short", () => {
    const messages: ModelRequest["messages"] = [{ role: "user", parts: [{ type: "text", text: "some words" }] }];
    expect(input(grant({ ...request, messages }, [target("gpt-4o")]), "quick")).toBe(EXACT + 12 + 2);
  });
  test("of several targets by the tokenizer that makes most of it", () => {
    const model = { ...long.model, fallbacks: [target("claude-3"), target("gpt-4")] };
    asked.length = 0;
    expect(input({ ...long, model, request: { ...long.request, messages: [...long.request.messages] } } as unknown as Grant, "counted")).toBe(CLAUDE + 12 + 800); // biome-ignore format: one line
    expect(asked.map((each) => each.split(" ")[0])).toEqual(["o200k", "o200k", "cl100k"]);
  });
  test("by its bytes as long as there is no vocabulary", () => {
    const none = { ...ports, tokenizer: { ...tokenizer, count: () => undefined } };
    const fresh = { ...long, request: { ...long.request, messages: [...long.request.messages] } } as Grant;
    expect(worstCaseOf(fresh, none, limiting("tokens"), "counted").input).toBe(EXACT + 12 + text.length);
  });
});

describe("a call waits for the vocabularies of all that may serve it", () => {
  const of = grant(request, [target("gpt-4o"), target("gpt-4")]);
  const waited: string[] = [];
  const empty = {
    ...ports,
    tokenizer: { ...tokenizer, loading: async (cutting: string) => void waited.push(cutting) },
  };
  const none: Limited = { tokens: Infinity, usd: Infinity };
  const rows: [string, Grant, Limited, string[]][] = [
    ["under a limit of tokens", of, limiting("tokens"), ["o200k", "cl100k"]],
    ["under a budget", of, limiting("usd"), ["o200k", "cl100k"]],
    ["not where nothing counts tokens", of, none, []],
  ];
  test.each(rows)("%s", async (_, of, limited, cuttings) => {
    waited.length = 0;
    const until = untilCounted(of, empty, limited);
    expect(until === undefined).toBe(cuttings.length === 0);
    await until;
    expect(waited).toEqual(cuttings);
  });
  test("and not where they are there", () => expect(untilCounted(of, ports, limiting("tokens"))).toBeUndefined());
});

test("what is held by its bytes is counted when it has to be charged, and never above what is held", () => {
  const text = "some words ".repeat(200);
  const messages: ModelRequest["messages"] = [{ role: "user", parts: [{ type: "text", text }] }];
  const long = { ...grant({ ...request, messages }, [target("gpt-4o")]), bodyBytes: 5_000 } as Grant;
  const held = { input: 5_000, output: 10, usd: 1 };
  expect(countedAgain(long, held, ports)).toEqual({ input: EXACT + 12 + 400, output: 10 });
  expect(countedAgain(long, { ...held, input: 100 }, ports).input).toBe(100);
});

test("a prompt is known to the token where the model's own tokenizer is known, and there", () => {
  const messages: ModelRequest["messages"] = [{ role: "user", parts: [{ type: "text", text: "some words" }] }];
  const spoken = grant({ ...request, messages }, [target("gpt-4o")]);
  expect(promptTokens(spoken, "gpt-4o", tokenizer)).toBe(EXACT + 12 + 2);
  expect(promptTokens(spoken, "claude-3", tokenizer)).toBeUndefined();
  expect(promptTokens(spoken, "gpt-4o", { ...tokenizer, count: () => undefined })).toBeUndefined();
  expect(promptTokens(grant(unseen, [target("gpt-4o")]), "gpt-4o", tokenizer)).toBeUndefined();
});

describe("a short prompt is bounded by its bytes where its limits are so large that it makes no difference", () => {
  const messages: ModelRequest["messages"] = [{ role: "user", parts: [{ type: "text", text: "some words" }] }];
  const short = grant({ ...request, messages }, [target("gpt-4o")]);
  const [bytes, words] = [EXACT + 12 + 10, EXACT + 12 + 2];
  const cost = (bytes + 10 * 2) * 1_000;
  const rows: [string, Partial<Limited>, number][] = [
    ["of tokens", { tokens: (bytes + 10) * 10_000 }, bytes],
    ["of tokens, but not a little smaller", { tokens: (bytes + 10) * 10_000 - 1 }, words],
    ["of money", { usd: cost * 10_000 }, bytes],
    ["of money, but not a little smaller", { usd: cost * 10_000 - 1 }, words],
    ["of both", { tokens: 1e12, usd: 1e15 }, bytes],
    ["but not where one of them is small", { tokens: 1_000, usd: 1e15 }, words],
  ];
  test.each(rows)("%s", (_, limits, input) => {
    const limited = { ...limiting(), ...limits };
    expect(worstCaseOf(short, ports, limited, "quick").input).toBe(input);
    expect(worstCaseOf(short, ports, limited, "counted").input).toBe(words);
  });
});

test("what was refused by its bytes is worth counting where its tokens are what does not fit", () => {
  const refused = { input: 1_000, output: 10, usd: 0 };
  const large = { tokens: 1_010_000, usd: Infinity };
  const helps = (bodyBytes: number, dimension: Limit["dimension"], limited: Limited = large, at = {}) => {
    const { scope = "key:k", shorten = false } = at as { scope?: string; shorten?: boolean };
    return mayFitCounted({ bodyBytes, api: { shorten } }, refused, limited, { scope, limit: { dimension } });
  };
  expect([helps(5_000, "tokens"), helps(5_000, "inputTokens"), helps(5_000, "usd")]).toEqual([true, true, true]);
  expect(helps(5_000, "tokens", limiting("tokens")), "it was counted").toBe(false);
  expect([helps(1_000, "usd"), helps(5_000, "requests"), helps(5_000, "outputTokens")]).toEqual([false, false, false]);
  const account = { scope: "provider:up" };
  expect(helps(5_000, "requests", large, account), "another account may have room").toBe(true);
  expect(helps(5_000, "outputTokens", large, { shorten: true }), "every limit counts").toBe(true);
  expect(helps(1_000, "requests", large, account), "it was counted").toBe(false);
  expect(helps(5_000, "tokens", limiting("tokens")), "it was counted, as a good part of a limit").toBe(false);
  const vast = { tokens: 1e9, usd: 1e15 };
  expect([helps(1_000, "tokens", vast), helps(1_000, "requests", vast)]).toEqual([true, false]);
});

test("money is that of the dearest target; a model without a price is not to be had", () => {
  const rows = [target("cheap"), target("dear")];
  expect(worstCaseOf(grant(request, rows), ports, limiting("usd"), "quick")).toEqual({
    input: OTHER,
    output: 10,
    usd: OTHER * 10_000 + 20_000,
  });
  const unknown = grant(request, [target("unknown")]);
  expect(() => worstCaseOf(unknown, ports, limiting("usd"), "quick")).toThrow("This model has no price");
  const fallback = grant(request, [target("cheap"), target("unknown")]);
  expect(() => worstCaseOf(fallback, ports, limiting("usd"), "quick")).toThrow("fallbacks included, has no price");
  expect(worstCaseOf(unknown, ports, limiting("tokens"), "quick")).toEqual({ input: OTHER, output: 10, usd: 0 });
});

test("a call is priced as of its arrival, by its tenant's own list where there is one", () => {
  const plain = grant(request, [target("cheap")]);
  expect(priceQueryOf(plain)).toEqual({ at: 0, calledBy: "m" });
  const list = [{ model: "m", inputPerMTokUsd: 1, outputPerMTokUsd: 2 }];
  const catalog = { ...plain.catalog, tenantPrices: new Map([["ten_1", list], ["ten_2", []]]) }; // biome-ignore format: one line
  expect(priceQueryOf({ ...plain, catalog } as unknown as Grant)).toEqual({
    at: 0,
    calledBy: "m",
    tenant: { name: "acme", prices: list },
  });
});

test("nothing is worked out where no limit asks for it", () => {
  expect(worstCaseOf(grant(unseen, [target("unknown")]), ports, limiting(), "quick")).toEqual({
    input: 0,
    output: 0,
    usd: 0,
  });
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Stated, Statement } from "./statement.ts";

const attempt = (provider: string, costNanoUsd: number) => {
  return { provider, model: `${provider}-m`, inputTokens: 2, outputTokens: 3, costNanoUsd };
};
const record = (over: Partial<Stated> = {}): Stated => ({
  api: "chat/v1",
  catalogModel: "small",
  inputTokens: 2,
  outputTokens: 3,
  costNanoUsd: 10,
  priceSource: "list 1",
  refundOf: null,
  attempts: [attempt("up", 10)],
  ...over,
});

test("a line is an API, a model, a place and a price; the dearest comes first", () => {
  const statement = new Statement();
  for (const each of [record(), record(), record({ costNanoUsd: 70, attempts: [attempt("other", 70)] })])
    statement.add(each);
  statement.add(record({ priceSource: "list 2" }));
  expect(statement.lines()).toMatchObject([
    { provider: "other", providerModel: "other-m", calls: 1, nanoUsd: 70 },
    { provider: "up", priceSource: "list 1", calls: 2, inputTokens: 4, outputTokens: 6, nanoUsd: 20 },
    { provider: "up", priceSource: "list 2", calls: 1, nanoUsd: 10 },
  ]);
  expect(statement.total).toEqual({ calls: 4, inputTokens: 8, outputTokens: 12, nanoUsd: 100 });
});

test("a call that fell back is one call in all, and one in each place; what nobody can place has no provider", () => {
  const statement = new Statement();
  statement.add(
    record({ inputTokens: 4, outputTokens: 6, costNanoUsd: 30, attempts: [attempt("up", 10), attempt("other", 20)] }),
  );
  statement.add(record({ attempts: [], costNanoUsd: 99 }));
  expect(statement.lines().map(({ provider, calls, nanoUsd }) => [provider, calls, nanoUsd])).toEqual([
    [null, 1, 99],
    ["other", 1, 20],
    ["up", 1, 10],
  ]);
  expect(statement.total.calls).toBe(2);
});

test("lines add up to the total, to the nano-dollar, whatever was recorded", () => {
  const amount = fc.nat(1_000_000_000);
  const attempts = fc.array(
    fc.record({
      provider: fc.constantFrom("a", "b"),
      model: fc.constantFrom("m", "n"),
      inputTokens: amount,
      outputTokens: amount,
      costNanoUsd: amount,
    }),
    { maxLength: 3 },
  );
  const records = fc.array(
    fc.record({
      api: fc.constantFrom("x/v1", null),
      catalogModel: fc.constantFrom("s", null),
      priceSource: fc.constantFrom("p", null),
      inputTokens: amount,
      outputTokens: amount,
      costNanoUsd: amount,
      attempts,
      refundOf: fc.constant(null),
    }),
  );
  fc.assert(
    fc.property(records, (all) => {
      const statement = new Statement();
      for (const each of all) statement.add(each);
      for (const name of ["inputTokens", "outputTokens", "nanoUsd"] as const) {
        expect(statement.lines().reduce((sum, line) => sum + line[name], 0)).toBe(statement.total[name]);
      }
      expect(statement.total.nanoUsd).toBe(all.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0));
    }),
  );
});

test("what is given back is no call, and stands in the line of what it is a part of", () => {
  const statement = new Statement();
  statement.add(record());
  statement.add(record({ refundOf: "call_1", inputTokens: -1, costNanoUsd: -4, attempts: [attempt("up", -4)] }));
  expect(statement.total).toMatchObject({ calls: 1, nanoUsd: 6 });
  expect(statement.lines()).toMatchObject([
    { calls: 1, nanoUsd: 6 },
    { calls: 0, nanoUsd: 0 },
  ]);
});

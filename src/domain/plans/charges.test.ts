import { describe, expect, test } from "bun:test";
import { type Charged, chargesOf, HOUSE_ZONE, isProviders, modelScope, providerScope } from "./charges.ts";

const record = (over: Partial<Charged> = {}): Charged => ({
  admittedAt: 1,
  keyId: "k",
  applicationId: "a",
  teamId: "t",
  tenantId: "ten",
  subscriptionId: "s",
  catalogModel: "m",
  timeZone: "Europe/Berlin",
  inputTokens: 10,
  outputTokens: 4,
  costNanoUsd: 900,
  attempts: [],
  mayHaveAsked: [],
  heldFor: 1,
  refundOf: null,
  ...over,
});
const attempt = (provider: string, inputTokens: number, outputTokens: number, costNanoUsd: number) => {
  return { provider, inputTokens, outputTokens, costNanoUsd };
};
const whole = { requests: 1, input: 10, output: 4, usd: 900 };

test("everyone who is responsible for a call is charged the whole of it, in the tenant's calendar; the model in ours", () => {
  const zoned = ["key:k", "application:a", "team:t", "tenant:ten", "subscription:s"].map((scope) => {
    return { scope, zone: "Europe/Berlin", amounts: whole };
  });
  expect(chargesOf(record())).toEqual([...zoned, { scope: "model:m", zone: HOUSE_ZONE, amounts: whole }]);
});

describe("provider accounts", () => {
  const ofProviders = (over: Partial<Charged>) =>
    chargesOf(record(over)).filter(({ scope, zone }) => isProviders(scope) && zone === HOUSE_ZONE);

  test("are charged what was asked of them, each attempt a request", () => {
    const attempts = [attempt("p", 5, 0, 100), attempt("q", 3, 1, 300), attempt("p", 2, 3, 500)];
    expect(ofProviders({ attempts })).toMatchObject([
      { scope: "provider:p", amounts: { requests: 2, input: 7, output: 3, usd: 600 } },
      { scope: "provider:q", amounts: { requests: 1, input: 3, output: 1, usd: 300 } },
    ]);
  });

  test("that may have been asked, while nobody is left to say, are charged the whole each", () => {
    expect(ofProviders({ mayHaveAsked: ["p", "q"] })).toMatchObject([
      { scope: "provider:p", amounts: whole },
      { scope: "provider:q", amounts: whole },
    ]);
  });

  test("are charged no more than was held of them, where it was held for several targets", () => {
    const held = { mayHaveAsked: ["p", "q"], heldFor: 2, attempts: [attempt("p", 5, 2, 450)] };
    expect(ofProviders(held)).toEqual([
      { scope: "provider:p", zone: HOUSE_ZONE, amounts: { requests: 2, input: 10, output: 4, usd: 900 } },
      { scope: "provider:q", zone: HOUSE_ZONE, amounts: { requests: 1, input: 5, output: 2, usd: 450 } },
    ]);
  });
});

test("a call that never had a Hold counts nowhere", () => {
  expect(chargesOf(record({ admittedAt: null, mayHaveAsked: ["p"] }))).toEqual([]);
});

test("who is not known is not charged", () => {
  const nobody = { keyId: null, applicationId: null, teamId: null, tenantId: null, subscriptionId: null };
  expect(chargesOf(record({ ...nobody, catalogModel: null }))).toEqual([]);
});

test("a model and a provider account of the same name are two scopes", () => {
  expect([modelScope("x"), providerScope("x")]).toEqual(["model:x", "provider:x"]);
  expect([isProviders(modelScope("provider:x")), isProviders(providerScope("x"))]).toEqual([false, true]);
});

test("what is given back is given to everyone who was charged, and is no request", () => {
  const back = { inputTokens: -4, outputTokens: -1, costNanoUsd: -300 };
  const refund = record({ refundOf: "call_1", ...back, attempts: [attempt("p", -4, -1, -300)] });
  const amounts = { requests: 0, input: -4, output: -1, usd: -300 };
  expect(chargesOf(refund).map(({ scope }) => scope)).toEqual(
    chargesOf(record({ attempts: [attempt("p", 1, 1, 1)] })).map(({ scope }) => scope),
  );
  for (const charge of chargesOf(refund)) expect(charge.amounts).toEqual(amounts);
});

import { expect, test } from "bun:test";
import type { Catalog, ProviderAccount } from "../domain/catalog/catalog.ts";
import { GatewayError } from "../errors.ts";
import type { UpstreamAnswer, UpstreamCall } from "../ports/upstream.ts";
import { HealthChecks } from "./health-checks.ts";

const account = (name: string, over: Partial<ProviderAccount> = {}): ProviderAccount => ({
  name,
  kind: "openai-compatible",
  baseUrl: `https://${name}.example/v1`,
  options: {},
  sealedKey: "sealed",
  allowPrivateNetwork: false,
  prices: [],
  healthCheck: { path: "/models", everyMs: 10_000 },
  ...over,
});

function setUp(accounts: ProviderAccount[], answer: (call: UpstreamCall) => number | Error) {
  const state = { now: 0, accounts };
  const asked: UpstreamCall[] = [];
  const told: [string, boolean][] = [];
  const checks = new HealthChecks({
    catalog: () => ({ providers: new Map(state.accounts.map((each) => [each.name, each])) }) as unknown as Catalog,
    clock: { now: () => 0, ticks: () => state.now },
    checked: (name, good) => void told.push([name, good]),
    upstream: {
      send: async (call) => {
        asked.push(call);
        const status = answer(call);
        if (status instanceof Error) throw status;
        return { status, discard() {} } as UpstreamAnswer;
      },
    },
  });
  const sweep = async (now: number) => {
    state.now = now;
    checks.sweep();
    await Bun.sleep(0);
  };
  return { state, asked, told, sweep };
}

test("an account is asked as often as it says, with a GET and without its key", async () => {
  const { asked, sweep } = setUp([account("up"), account("silent", { baseUrl: "https://x.example" })], () => 401);
  for (let now = 0; now < 30_000; now += 100) await sweep(now);
  expect(asked.filter(({ baseUrl }) => baseUrl.includes("up"))).toHaveLength(3);
  for (const call of asked) expect(call).toMatchObject({ method: "GET", path: "/models", headers: {}, body: "" });
});

test.each<[string, number | Error, boolean]>([
  ["200", 200, true],
  ["a stranger's 401", 401, true],
  ["404", 404, true],
  ["500", 500, false],
  ["503", 503, false],
  ["nobody", new GatewayError("upstream_unreachable", "x"), false],
])("%s", async (_, answer, good) => {
  const { told, sweep } = setUp([account("up")], () => answer);
  await sweep(0);
  expect(told).toEqual([["up", good]]);
});

test("who wants no check is not asked, and who has no address is there", async () => {
  const { healthCheck: _, ...without } = account("quiet");
  const { asked, told, sweep } = setUp([without, account("local", { baseUrl: null })], () => 500);
  await sweep(0);
  expect(asked).toEqual([]);
  expect(told).toEqual([["local", true]]);
});

test("an account that is not checked any more is not missing any more, even if its last check ends after that", async () => {
  const { state, told, sweep } = setUp([account("up"), account("gone")], () => 503);
  await sweep(0);
  const { healthCheck: _, ...unchecked } = account("up");
  state.accounts = [unchecked];
  told.length = 0;
  await sweep(100);
  expect(told).toEqual([
    ["up", true],
    ["gone", true],
  ]);
  await sweep(200);
  expect(told).toHaveLength(2);

  state.accounts = [account("late")];
  state.now = 300;
  told.length = 0;
  const checking = sweep(300);
  state.accounts = [];
  await sweep(400);
  await checking;
  expect(told.at(-1)).toEqual(["late", true]);
});

test("while the store is away nobody is asked, and any other fault is told", () => {
  const sweeping = (fault: Error) => () =>
    new HealthChecks({
      catalog: () => {
        throw fault;
      },
      clock: { now: () => 0, ticks: () => 0 },
      checked: () => {},
      upstream: { send: () => Promise.reject(new Error("asked")) },
    }).sweep();
  expect(sweeping(new GatewayError("store_unavailable", "away"))).not.toThrow();
  expect(sweeping(new Error("broken"))).toThrow("broken");
});

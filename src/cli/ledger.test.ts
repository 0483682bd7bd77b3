import { expect, test } from "bun:test";
import { ADMIN_TOKEN, adminPlane, BOT, NOW } from "../../test/support/admin-plane.ts";
import { cli } from "../../test/support/cli.ts";
import { NOTHING } from "../domain/plans/amounts.ts";
import { spending } from "../store/meter-contract.ts";

const TENANT = `tenant:${BOT.tenant.id}`;

/** The command line in front of a real admin plane whose tenant has spent half a dollar. */
async function withGateway() {
  const gateway = adminPlane();
  const amounts = { ...NOTHING, requests: 1 };
  const scopes = [{ scope: TENANT, zone: "UTC", limits: [], amounts }];
  const held = await gateway.meter.reserve({ scopes, anyOf: [] }, spending(0, 0, 0));
  if (held.admitted) await gateway.meter.settle(held.hold, spending(7, 8, 500_000_000, { tenantId: BOT.tenant.id }));
  gateway.administration.limits.set(TENANT, [{ dimension: "usd", window: "month", amount: 2_000_000_000 }]);
  const fetch = (url: string, init: RequestInit) =>
    gateway.plane.handle(new Request(url, init), { address: "127.0.0.1" });
  return { ...gateway, run: (argv: string[]) => cli(argv, { fetch, env: { SALLYPORT_TOKEN: ADMIN_TOKEN } }) };
}

test("usage show tells what was spent, and how the limits stand", async () => {
  const { run } = await withGateway();
  const { exit, stdout } = await run(["usage", "show", TENANT]);
  expect(exit).toBe(0);
  expect(stdout).toMatch(/day +1 +7 +8 +0\.5 +0/);
  expect(stdout).toMatch(/usd per month +2 +1\.5 +20/);
  expect(JSON.parse((await run(["usage", "show", TENANT, "--json"])).stdout)).toMatchObject({
    usage: { scope: TENANT },
    limits: [{ remaining: "1.5" }],
  });
});

test("usage statement ends with the total, and names the flag of a bad time", async () => {
  const { run } = await withGateway();
  const { stdout } = await run(["usage", "statement", TENANT, "--since", "2026-11-01", "--until", "2026-12-01"]);
  expect(stdout).toMatch(/total .* 1 +7 +8 +0\.5\n$/);
  const bad = await run(["usage", "statement", TENANT, "--since", "yesterday", "--until", "2026-12-01"]);
  expect(bad.exit).not.toBe(0);
  expect(bad.stderr).toContain("since");
});

test("ledger verify fails where something differs, and ledger rebuild mends it", async () => {
  const { run, meter } = await withGateway();
  expect((await run(["ledger", "verify"])).stdout).toContain("nothing differs");
  meter.accounts.of(TENANT, "UTC", NOW).charge({ ...NOTHING, usd: 9 }, NOW, NOW, NOW);
  const verified = await run(["ledger", "verify"]);
  expect(verified.exit).toBe(1);
  expect(verified.stdout).toMatch(/tenant:ten_acme +month +usd +0\.500000009 +0\.5/);
  expect((await run(["ledger", "rebuild"])).exit).toBe(0);
  expect(JSON.parse((await run(["ledger", "verify", "--json"])).stdout)).toMatchObject({ found: 0, mended: false });
});

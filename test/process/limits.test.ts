/** Limits against the real process, from the refused call to the one that passes, with the commands that people use. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { JsonObject } from "../../src/kernel/json.ts";
import { chat, post } from "../support/app.ts";
import { ADMIN_TOKEN, configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { nobody } from "../support/upstream.ts";

// Processes take their time on a machine that is busy with others.
setDefaultTimeout(60_000);

const TOLD = "a quota or budget has reached a threshold";
let installation: Installation;
let gateway: GatewayProcess;
beforeAll(async () => {
  const limits = [{ per: "month", requests: 4 }];
  installation = new Installation(configuration({ upstream: await nobody(), limits }));
  gateway = await installation.start();
});
afterAll(() => installation.remove());

const cli = (...argv: string[]) =>
  installation.cli(argv, { env: { SALLYPORT_URL: gateway.adminUrl, SALLYPORT_TOKEN: ADMIN_TOKEN } });
const call = async () => {
  const response = await post(gateway, { body: chat({ model: "demo" }) });
  await response.text();
  return response.status;
};
const events = async () =>
  ((await (await gateway.admin("/api/v1/events")).json()) as { items: JsonObject[] }).items.map(
    ({ threshold, limit }) => `${threshold} % of ${(limit as JsonObject).requests}`,
  );
const told = () =>
  gateway.lines.filter(({ message }) => message === TOLD).map(({ limit, threshold }) => `${threshold} % of ${limit}`);

test("what is asked for and approved by commands passes at the next call; thresholds are told, and neither is lost by a restart", async () => {
  expect([await call(), await call(), await call(), await call(), await call()]).toEqual([200, 200, 200, 200, 429]);
  expect(await events()).toEqual(["100 % of 4", "80 % of 4", "50 % of 4"]);
  await gateway.said(({ message, threshold }) => message === TOLD && threshold === 100);
  expect(told()).toEqual([50, 80, 100].map((percent) => `${percent} % of requests=4/month`));
  expect(
    (await gateway.metrics()).get(
      'sallyport_limit_thresholds_total{scope="subscription",dimension="requests",window="month",threshold="50"}',
    ),
  ).toBe(1);

  const scope = "subscription:acme/research/bot/chat/v1";
  const asked = await cli(
    "limits",
    "request",
    "--scope",
    scope,
    "--limit",
    "requests=20/month",
    "--reason",
    "a launch",
    "--json",
  );
  expect(asked.exit).toBe(0);
  const id = String(asked.json().id);
  expect(await call()).toBe(429);
  expect((await cli("limits", "approve", id, "--limit", "requests=6/month")).exit).toBe(0);
  expect([await call(), await call(), await call()]).toEqual([200, 200, 429]);
  expect((await cli("limits", "list")).stdout).toMatch(
    new RegExp(`${id} +approved +subscription:acme/research/bot/chat/v1 +requests=6/month +for good`),
  );

  await gateway.stop();
  gateway = await installation.start();
  expect(await call()).toBe(429);
  expect(await events()).toEqual(["100 % of 6", "80 % of 6", "50 % of 6", "100 % of 4", "80 % of 4", "50 % of 4"]);
  expect(told()).toEqual([]);

  expect((await cli("limits", "withdraw", id)).exit).toBe(0);
  expect((await cli("limits", "approve", id)).stderr).toContain("withdrawn already");
});

import { expect, test } from "bun:test";
import { threshold } from "../store/events-contract.ts";
import { eventFields } from "./event-log.ts";

test("a line names the scope, its tenant, the limit and the percent of it", () => {
  expect(eventFields(threshold())).toEqual({ scope: "key:a", tenant: "ten_1", limit: "usd=5/day", threshold: 50 });
  const model = threshold({
    scope: "model:m",
    tenantId: null,
    limit: { dimension: "tokens", window: "total", amount: 9 },
  });
  expect(eventFields(model)).toEqual({ scope: "model:m", limit: "tokens=9/total", threshold: 50 });
});

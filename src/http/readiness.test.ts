import { expect, test } from "bun:test";
import { Readiness } from "./readiness.ts";

test("it is ready from its start to its stop, but for the time in which a store takes nothing", () => {
  const gateway = { draining: false };
  const meter = { failing: false };
  const readiness = new Readiness(gateway, { failing: false }, meter);
  expect(readiness.now()).toEqual({ ready: false, reason: "starting" });
  readiness.started();
  expect(readiness.now()).toEqual({ ready: true });
  meter.failing = true;
  expect(readiness.now()).toEqual({ ready: false, reason: "store unavailable" });
  meter.failing = false;
  expect(readiness.now()).toEqual({ ready: true });
  readiness.stopping();
  expect(readiness.now()).toEqual({ ready: false, reason: "draining" });
});

test("a gateway that drains is not ready, whoever told it to", () => {
  const readiness = new Readiness({ draining: true }, { failing: false });
  readiness.started();
  expect(readiness.now()).toEqual({ ready: false, reason: "draining" });
});

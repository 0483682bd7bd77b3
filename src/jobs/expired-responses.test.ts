import { expect, test } from "bun:test";
import { MemoryObjects } from "../../test/support/memory-objects.ts";
import { DAY, HOUR } from "../kernel/clock.ts";
import type { ObjectKind } from "../ports/provider-objects.ts";
import { ExpiredResponses, RESPONSES_KEPT_MS } from "./expired-responses.ts";

const owner = { tenantId: "ten_1", applicationId: "app_1" };
const made = (id: string, createdAt: number, kind: ObjectKind = "response") => ({
  ...{
    id,
    kind,
    provider: "up",
    api: "chat/v1",
    model: "gpt",
    purpose: null,
    judged: "m",
    batch: null,
    charge: null,
    told: {},
  },
  createdAt,
});

test("responses are forgotten when their provider has deleted them, files never", async () => {
  const objects = new MemoryObjects();
  const time = { now: RESPONSES_KEPT_MS + DAY, ticks: 0 };
  const job = new ExpiredResponses({
    objects,
    clock: { now: () => time.now, ticks: () => time.ticks },
    log: { write: () => {} },
  });
  await objects.remember(owner, made("resp_1", DAY - 1));
  await objects.remember(owner, made("resp_2", DAY));
  await objects.remember(owner, made("file-1", 0, "file"));
  const left = async () => (await objects.find(owner, ["resp_1", "resp_2", "file-1"])).own.map(({ id }) => id).sort();
  await job.sweep();
  expect(await left()).toEqual(["file-1", "resp_2"]);
  time.now += 1;
  await job.sweep();
  expect(await left()).toEqual(["file-1", "resp_2"]);
  time.ticks += HOUR;
  await job.sweep();
  expect(await left()).toEqual(["file-1"]);
});

test("many are deleted some at a time, and a store that is away is asked again later", async () => {
  const asked: number[] = [];
  const time = { ticks: 0 };
  const warned: string[] = [];
  const gives: (number | Error)[] = [500, 3, new Error("away"), 0];
  const job = new ExpiredResponses({
    objects: {
      expire: async (_kind, _before, limit) => {
        asked.push(limit);
        const next = gives.shift()!;
        if (next instanceof Error) throw next;
        return next;
      },
    },
    clock: { now: () => 0, ticks: () => time.ticks },
    log: { write: (_level, message) => void warned.push(message) },
  });
  for (const _ of [1, 2, 3]) await job.sweep();
  expect(asked).toEqual([500, 500]);
  for (const _ of [1, 2]) {
    time.ticks += HOUR;
    await job.sweep();
    await job.sweep();
  }
  expect(asked).toHaveLength(4);
  expect(warned).toHaveLength(1);
});

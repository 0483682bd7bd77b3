import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countedBytes, desiredState, ManualClock } from "../../../test/support/directory.ts";
import { MemoryObjects } from "../../../test/support/memory-objects.ts";
import type { ObjectOwner, ProviderObject } from "../../ports/provider-objects.ts";
import { providerObjectsContract } from "../provider-objects-contract.ts";
import { openDirectory } from "./directory.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-objects-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const SYSTEM = { kind: "system", id: "test" } as const;
const APPLY = { action: "config.apply", subject: "config", tenantId: null, detail: {} };

providerObjectsContract("SQLite", async () => {
  const store = await openDirectory(join(folder, `${files++}.db`), {
    clock: new ManualClock(),
    random: countedBytes(),
  });
  const desired = desiredState();
  const [team] = desired.tenants[0]!.teams;
  team!.applications.push({ ...team!.applications[0]!, name: "second", keys: [] });
  await store.change(SYSTEM, APPLY, (writer) => writer.apply(desired));
  const owners = (await store.applications()).map(
    ({ id, tenant }): ObjectOwner => ({ tenantId: tenant.id, applicationId: id }),
  );
  return { objects: store.objects, one: owners[0]!, beside: owners[1]!, other: owners[2]!, close: () => store.close() };
});

providerObjectsContract("Memory", async () => ({
  objects: new MemoryObjects(),
  one: { tenantId: "ten_1", applicationId: "app_1" },
  beside: { tenantId: "ten_1", applicationId: "app_2" },
  other: { tenantId: "ten_2", applicationId: "app_3" },
  close: async () => {},
}));

test("what cannot be kept fails alone", async () => {
  const store = await openDirectory(join(folder, `${files++}.db`), {
    clock: new ManualClock(),
    random: countedBytes(),
  });
  await store.change(SYSTEM, APPLY, (writer) => writer.apply(desiredState()));
  const [application] = await store.applications();
  const owner = { tenantId: application!.tenant.id, applicationId: application!.id };
  const object = (id: string): ProviderObject => ({
    ...{ id, kind: "response", provider: "up", api: "chat/v1", model: "small", purpose: null, judged: null },
    ...{ batch: null, charge: null, told: {}, createdAt: 1 },
  });
  const nobody = { tenantId: "none", applicationId: "none" };
  const kept = await Promise.allSettled([
    store.objects.remember(owner, object("resp_1")),
    store.objects.remember(nobody, object("resp_2")),
    store.objects.remember(owner, object("resp_3")),
  ]);
  expect(kept.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await store.objects.find(owner, ["resp_1", "resp_2", "resp_3"])).own).toHaveLength(2);
  await store.close();
});

test("a store that cannot be read is told as one, not as something that does not exist", async () => {
  const store = await openDirectory(join(folder, `${files++}.db`), {
    clock: new ManualClock(),
    random: countedBytes(),
  });
  await store.close();
  const asked = store.objects.find({ tenantId: "t", applicationId: "a" }, ["file-1"]);
  await expect(asked).rejects.toThrow();
});

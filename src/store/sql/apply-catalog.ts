import type { Kysely } from "kysely";
import { apiKey } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import type { DesiredState, Origin, ProviderRow } from "../../ports/administration.ts";
import type { ChangeSheet } from "./change-sheet.ts";
import type { Tables } from "./tables.ts";

type CatalogTable = "providers" | "models" | "guardrails" | "plans" | "apis";
type Row = { name: string } & Record<string, string | number | null>;

interface CatalogKind {
  table: CatalogTable;
  noun: string;
  rows(desired: DesiredState): Row[];
  /** What must not be written again as long as another column says that it has not changed. */
  kept?: { column: string; unless: string };
}

/** What administrators publish: one row a kind, all applied alike. Kinds stand before those that refer to them. */
const KINDS: readonly CatalogKind[] = [
  {
    table: "providers",
    noun: "provider",
    kept: { column: "sealed_key", unless: "key_fingerprint" },
    rows: (desired) =>
      desired.providers.map((provider) => ({
        name: provider.name,
        kind: provider.kind,
        base_url: provider.baseUrl,
        options: optionsText(provider.options),
        sealed_key: provider.sealedKey,
        key_fingerprint: provider.keyFingerprint,
        allow_private_network: provider.allowPrivateNetwork ? 1 : 0,
        prices: JSON.stringify(provider.prices),
        placement: JSON.stringify({
          region: provider.region,
          dataHandling: provider.dataHandling,
          healthCheck: provider.healthCheck,
        }),
        limits: JSON.stringify(provider.limits ?? []),
      })),
  },
  {
    table: "models",
    noun: "model",
    rows: (desired) =>
      desired.models.map((model) => ({
        name: model.name,
        targets: JSON.stringify(model.targets),
        fallbacks: JSON.stringify(model.fallbacks),
        routing: JSON.stringify({ routing: model.routing }),
        limits: JSON.stringify(model.limits ?? []),
      })),
  },
  {
    table: "guardrails",
    noun: "guardrail",
    rows: (desired) =>
      desired.guardrails.map(({ name, ...settings }) => ({ name, settings: JSON.stringify(settings) })),
  },
  {
    table: "plans",
    noun: "plan",
    rows: (desired) =>
      desired.plans.map(({ name, limits, ...settings }) => ({
        name,
        limits: JSON.stringify(limits),
        settings: JSON.stringify(settings),
      })),
  },
  {
    table: "apis",
    noun: "api",
    rows: (desired) =>
      desired.apis.map((api) => ({
        name: apiKey(api.slug, api.version),
        stage: api.stage,
        deprecated_at: api.deprecatedAt,
        sunset_at: api.sunsetAt,
        models: JSON.stringify(api.models),
        guardrails: JSON.stringify(api.guardrails),
        approval: api.approval,
        capture: api.capture ? 1 : 0,
        policy: JSON.stringify({
          placement: api.placement,
          parameters: api.parameters,
          remoteMedia: api.remoteMedia === true ? true : undefined,
          storedState: api.storedState === true ? true : undefined,
          shorten: api.shorten === true ? true : undefined,
        }),
      })),
  },
];

/** Sorted, so that the order in which options were written is no difference. */
function optionsText(options: ProviderRow["options"]): string {
  return JSON.stringify(Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Makes and changes what is desired. What must go is removed later, when nothing refers to it any more. */
export async function applyCatalog(db: Kysely<Tables>, desired: DesiredState, sheet: ChangeSheet): Promise<void> {
  for (const kind of KINDS) {
    // The five tables differ in columns; the shape of one stands for all of them here.
    const table = kind.table as "plans";
    const existing = new Map((await rowsOf(db, kind.table)).map((row) => [row.name, row]));
    for (const wanted of kind.rows(desired)) {
      const found = existing.get(wanted.name);
      if (found === undefined) {
        const values = { ...wanted, origin: desired.origin };
        await db
          .insertInto(table)
          .values(values as never)
          .execute();
        sheet.catalog("create", `${kind.noun} ${wanted.name}`);
        continue;
      }
      const changed = differing(kind, found, wanted);
      if (changed === undefined) continue;
      await db
        .updateTable(table)
        .set(changed as never)
        .where("name", "=", wanted.name)
        .execute();
      sheet.catalog("update", `${kind.noun} ${wanted.name}`);
    }
  }
}

/** Removes what the same origin once made and no longer desires. */
export async function pruneCatalog(db: Kysely<Tables>, desired: DesiredState, sheet: ChangeSheet): Promise<void> {
  for (const kind of [...KINDS].reverse()) {
    const wanted = new Set(kind.rows(desired).map((row) => row.name));
    for (const row of await rowsOf(db, kind.table)) {
      if (row.origin !== desired.origin || wanted.has(row.name)) continue;
      await refuseIfSubscribed(db, kind, row.name);
      await db
        .deleteFrom(kind.table as "plans")
        .where("name", "=", row.name)
        .execute();
      sheet.catalog("remove", `${kind.noun} ${row.name}`);
    }
  }
}

function rowsOf(db: Kysely<Tables>, table: CatalogTable): Promise<(Row & { origin: Origin })[]> {
  return db
    .selectFrom(table as "plans")
    .selectAll()
    .orderBy("name")
    .execute() as unknown as Promise<(Row & { origin: Origin })[]>;
}

/** The columns to be written, or undefined where the row already says what is wanted. */
function differing(kind: CatalogKind, found: Row, wanted: Row): Row | undefined {
  const { kept } = kind;
  const write: Row = { ...wanted };
  if (kept !== undefined && found[kept.unless] === wanted[kept.unless]) delete write[kept.column];
  return Object.entries(write).some(([column, value]) => found[column] !== value) ? write : undefined;
}

async function refuseIfSubscribed(db: Kysely<Tables>, kind: CatalogKind, name: string): Promise<void> {
  if (kind.table !== "apis" && kind.table !== "plans") return;
  const user = await db
    .selectFrom("subscriptions as s")
    .innerJoin("applications as a", "a.id", "s.application_id")
    .innerJoin("teams as t", "t.id", "a.team_id")
    .innerJoin("tenants as o", "o.id", "a.tenant_id")
    .select(["a.name as application", "t.name as team", "o.name as tenant"])
    .where(kind.table === "apis" ? "s.api" : "s.plan", "=", name)
    .orderBy("o.name")
    .orderBy("t.name")
    .orderBy("a.name")
    .executeTakeFirst();
  if (user === undefined) return;
  const path = `${user.tenant}/${user.team}/${user.application}`;
  throw new GatewayError(
    "conflict",
    `${kind.noun} ${name} cannot be removed: application ${path} is subscribed to it.`,
  );
}

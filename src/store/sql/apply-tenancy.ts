import type { Kysely } from "kysely";
import type { TenantPrice } from "../../domain/catalog/catalog.ts";
import { type RandomBytes, timeOrderedId } from "../../kernel/id.ts";
import type { Limit } from "../../kernel/limit.ts";
import type { DesiredState } from "../../ports/administration.ts";
import { applyKeys, type DesiredKeyOfApplication, pruneKeys } from "./apply-keys.ts";
import type { ChangeSheet } from "./change-sheet.ts";
import type { Tables } from "./tables.ts";

type DesiredTeam = DesiredState["tenants"][number]["teams"][number];
type DesiredApplication = DesiredTeam["applications"][number];

type Level = "tenants" | "teams" | "applications";

function limitsText({ limits = [] }: { limits?: readonly Limit[] }): string {
  return JSON.stringify(limits);
}

/** A place in the tree of tenants: ids for the rows, names for the plan. */
interface Place {
  tenantId: string;
  id: string;
  path: string;
}

/** Brings tenants, teams, applications and what they own to the desired state. */
export class TenancyApplication {
  readonly #db: Kysely<Tables>;
  readonly #desired: DesiredState;
  readonly #sheet: ChangeSheet;
  readonly #now: number;
  readonly #random: RandomBytes;
  readonly #keys: DesiredKeyOfApplication[] = [];

  constructor(db: Kysely<Tables>, desired: DesiredState, sheet: ChangeSheet, now: number, random: RandomBytes) {
    this.#db = db;
    this.#desired = desired;
    this.#sheet = sheet;
    this.#now = now;
    this.#random = random;
  }

  async run(): Promise<void> {
    const tenants = await this.#level("tenants", undefined, this.#desired.tenants);
    for (const [place, tenant] of tenants) {
      await this.#prices(place, tenant.prices ?? []);
      await this.#settings("tenants", place, { limits: limitsText(tenant), time_zone: tenant.timeZone ?? "UTC" });
      for (const [teamPlace, team] of await this.#level("teams", place, tenant.teams)) {
        await this.#settings("teams", teamPlace, { limits: limitsText(team) });
        await this.#memberships(teamPlace, team.members);
        for (const [application, wanted] of await this.#level("applications", teamPlace, team.applications)) {
          await this.#settings("applications", application, { limits: limitsText(wanted) });
          await this.#subscriptions(application, wanted.subscriptions);
          for (const key of wanted.keys) this.#keys.push({ ...key, application });
        }
      }
    }
    // Keys last and all at once: one may move from one application to another.
    await applyKeys(this.#db, this.#keys, this.#desired.origin, this.#sheet, this.#now);
    await pruneKeys(
      this.#db,
      new Set(this.#keys.map((key) => key.digest)),
      this.#desired.origin,
      this.#sheet,
      this.#now,
    );
  }

  /** What models cost the tenant; kept with it, and read with the catalog. */
  async #prices(tenant: Place, wanted: readonly TenantPrice[]): Promise<void> {
    const prices = JSON.stringify(wanted);
    const kept = await this.#db.selectFrom("tenants").select("prices").where("id", "=", tenant.id).executeTakeFirst();
    if (kept?.prices === prices) return;
    await this.#db.updateTable("tenants").set({ prices }).where("id", "=", tenant.id).execute();
    this.#sheet.catalog("update", `prices of tenant ${tenant.path}`);
  }

  /** What a place may use, and in which calendar. */
  async #settings(table: Level, { id, path }: Place, wanted: Record<string, string>): Promise<void> {
    const all = this.#db.selectFrom(table as "tenants");
    const kept = await all.selectAll().where("id", "=", id).executeTakeFirst();
    if (Object.entries(wanted).every(([column, value]) => kept?.[column as "limits"] === value)) return;
    await this.#db
      .updateTable(table as "tenants")
      .set(wanted)
      .where("id", "=", id)
      .execute();
    this.#sheet.tenancy("update", `${table.slice(0, -1)} ${path}`);
  }

  /** Makes, revives and removes the children of one parent; gives the places of the desired ones. */
  async #level<T extends { name: string }>(
    table: Level,
    parent: Place | undefined,
    wanted: readonly T[],
  ): Promise<[Place, T][]> {
    const noun = table.slice(0, -1);
    const existing = new Map((await this.#children(table, parent)).map((row) => [row.name, row]));
    const places: [Place, T][] = [];
    for (const thing of wanted) {
      const path = parent === undefined ? thing.name : `${parent.path}/${thing.name}`;
      const found = existing.get(thing.name);
      const id = found?.id ?? timeOrderedId(PREFIX[table], this.#now, this.#random);
      const place = { tenantId: parent?.tenantId ?? id, id, path };
      places.push([place, thing]);
      if (found !== undefined && found.removed_at === null) continue;
      if (found === undefined) {
        const row = { id, name: thing.name, origin: this.#desired.origin, created_at: this.#now, removed_at: null };
        await this.#db
          .insertInto(table)
          .values({ ...row, ...parentColumns(table, parent) } as never)
          .execute();
      } else {
        // It was here before: the same id, so that its earlier usage stays its own.
        await this.#db
          .updateTable(table)
          .set({ removed_at: null, origin: this.#desired.origin })
          .where("id", "=", id)
          .execute();
      }
      this.#sheet.tenancy("create", `${noun} ${path}`);
    }
    const names = new Set(wanted.map((thing) => thing.name));
    for (const row of existing.values()) {
      if (row.removed_at !== null || row.origin !== this.#desired.origin || names.has(row.name)) continue;
      const path = parent === undefined ? row.name : `${parent.path}/${row.name}`;
      await this.#remove(table, { tenantId: parent?.tenantId ?? row.id, id: row.id, path });
    }
    return places;
  }

  #children(table: Level, parent: Place | undefined) {
    const all = this.#db
      .selectFrom(table as "applications")
      .select(["id", "name", "origin", "removed_at"])
      .orderBy("id");
    if (parent === undefined) return all.execute();
    if (table === "teams") return all.where("tenant_id", "=", parent.id).execute();
    return all.where("team_id", "=", parent.id).execute();
  }

  /** Whatever is in a place goes with it, whoever made it. */
  async #remove(table: Level, place: Place): Promise<void> {
    const below = CHILDREN[table];
    if (below !== undefined) {
      for (const row of await this.#children(below, place)) {
        if (row.removed_at !== null) continue;
        await this.#remove(below, { tenantId: place.tenantId, id: row.id, path: `${place.path}/${row.name}` });
      }
    }
    if (table === "teams") await this.#memberships(place, [], true);
    if (table === "applications") {
      await this.#subscriptions(place, [], true);
      await this.#revokeAll(place);
    }
    await this.#db.updateTable(table).set({ removed_at: this.#now }).where("id", "=", place.id).execute();
    this.#sheet.tenancy("remove", `${table.slice(0, -1)} ${place.path}`);
  }

  async #memberships(team: Place, wanted: DesiredTeam["members"], everyone = false): Promise<void> {
    const db = this.#db;
    const existing = await db.selectFrom("memberships").selectAll().where("team_id", "=", team.id).execute();
    for (const member of wanted) {
      const found = existing.find((row) => row.email === member.email);
      const roles = JSON.stringify(member.roles);
      const subject = `member ${team.path}/${member.email}`;
      if (found === undefined) {
        const owner = { tenant_id: team.tenantId, team_id: team.id, origin: this.#desired.origin };
        await db
          .insertInto("memberships")
          .values({ ...owner, email: member.email, roles })
          .execute();
        this.#sheet.tenancy("create", subject);
      } else if (found.roles !== roles) {
        const row = db.updateTable("memberships").set({ roles }).where("team_id", "=", team.id);
        await row.where("email", "=", member.email).execute();
        this.#sheet.tenancy("update", subject);
      }
    }
    for (const row of existing) {
      if (wanted.some((member) => member.email === row.email)) continue;
      if (!everyone && row.origin !== this.#desired.origin) continue;
      await db.deleteFrom("memberships").where("team_id", "=", team.id).where("email", "=", row.email).execute();
      this.#sheet.tenancy("remove", `member ${team.path}/${row.email}`);
    }
  }

  async #subscriptions(application: Place, wanted: DesiredApplication["subscriptions"], all = false): Promise<void> {
    const db = this.#db;
    const existing = await db
      .selectFrom("subscriptions")
      .selectAll()
      .where("application_id", "=", application.id)
      .execute();
    for (const subscription of wanted) {
      const found = existing.find((row) => row.api === subscription.api);
      const subject = `subscription ${application.path} to ${subscription.api}`;
      if (found === undefined) {
        const id = timeOrderedId("sub", this.#now, this.#random);
        const owner = { tenant_id: application.tenantId, application_id: application.id, origin: this.#desired.origin };
        await db
          .insertInto("subscriptions")
          .values({ id, ...owner, created_at: this.#now, ...subscription })
          .execute();
        this.#sheet.tenancy("create", subject);
      } else if (found.plan !== subscription.plan || found.state !== subscription.state) {
        const { plan, state } = subscription;
        await db.updateTable("subscriptions").set({ plan, state }).where("seq", "=", found.seq).execute();
        this.#sheet.tenancy("update", subject);
      }
    }
    for (const row of existing) {
      if (wanted.some((subscription) => subscription.api === row.api)) continue;
      if (!all && row.origin !== this.#desired.origin) continue;
      await db.deleteFrom("subscriptions").where("seq", "=", row.seq).execute();
      this.#sheet.tenancy("remove", `subscription ${application.path} to ${row.api}`);
    }
  }

  async #revokeAll(application: Place): Promise<void> {
    const keys = this.#db.selectFrom("keys").select(["seq", "name"]).where("application_id", "=", application.id);
    for (const key of await keys.where("revoked_at", "is", null).orderBy("seq").execute()) {
      const revoked = { revoked_at: this.#now, revoked_by: this.#desired.origin };
      await this.#db.updateTable("keys").set(revoked).where("seq", "=", key.seq).execute();
      this.#sheet.tenancy("remove", `key ${application.path}/${key.name}`);
    }
  }
}

const PREFIX = { tenants: "ten", teams: "team", applications: "app" } as const;
const CHILDREN = { tenants: "teams", teams: "applications", applications: undefined } as const;

function parentColumns(table: Level, parent: Place | undefined): Record<string, string> {
  if (parent === undefined) return {};
  if (table === "teams") return { tenant_id: parent.id };
  return { tenant_id: parent.tenantId, team_id: parent.id };
}

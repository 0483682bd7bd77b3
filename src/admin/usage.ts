import { z } from "zod";
import { PERIODS } from "../domain/plans/account.ts";
import type { Amounts } from "../domain/plans/amounts.ts";
import { chargesOf, HOUSE_ZONE } from "../domain/plans/charges.ts";
import { limitsInForce } from "../domain/plans/in-force.ts";
import { Statement } from "../domain/plans/statement.ts";
import { GatewayError } from "../errors.ts";
import { formatUsd } from "../kernel/money.ts";
import type { LimitedScope } from "../ports/administration.ts";
import type { Level } from "../ports/meter.ts";
import type { UsageRecord } from "../ports/records.ts";
import { invalidField } from "./input.ts";
import { defineOperation, type ReadContext } from "./operation.ts";
import { Instant, instant, instantOrNull } from "./schemas.ts";
import { SCOPE_FORMS, scopeByNames } from "./scopes.ts";

const KINDS = ["key", "application", "team", "tenant", "subscription", "model", "provider"] as const;

const Scope = z
  .string()
  .max(400)
  .regex(new RegExp(`^(?:${KINDS.join("|")}):.+$`, "u"), `must be ${KINDS.join(":, ")}: and an id or name`)
  .describe(
    "Who is charged: `tenant:…`, `team:…`, `application:…` and `subscription:…` by id (`ten_…`) or by names (`application:acme/research/bot`), `key:…` by its public id, `model:…` and `provider:…` by name.",
  );

const tokens = z.number().int();
const usdText = z.string().describe("US dollars, exact to the nano-dollar, as a decimal.");

const Spent = z.object({ requests: z.number().int(), inputTokens: tokens, outputTokens: tokens, usd: usdText });

const Period = z.object({
  start: Instant,
  end: Instant.nullable().describe("Exclusive; null for what is counted in total."),
  spent: Spent,
  reserved: Spent.describe("Held by calls that run, and not spent yet."),
});

const UsageView = z
  .object({
    scope: z.string(),
    name: z.string(),
    timeZone: z.string().describe("In whose calendar its periods are."),
    running: z.number().int().describe("Calls that run now."),
    periods: z.object({ day: Period, week: Period, month: Period, total: Period }),
  })
  .meta({ id: "Usage", description: "What was spent and is reserved in the periods that run now." });

export const getUsage = defineOperation({
  id: "usage.get",
  method: "GET",
  path: "/api/v1/usage",
  summary: "See what a scope has used in its day, week, month and in total",
  permission: "usage.read",
  audit: "none",
  input: { query: z.strictObject({ scope: Scope }) },
  output: UsageView,
  async handle(context, { query }) {
    const [{ scope, name, zone }] = await requireScopes(context, query.scope);
    const usage = await context.meter.usage(scope, zone);
    const periodOf = (window: (typeof PERIODS)[number]) => {
      const { start, end, spent, reserved } = usage.periods[window];
      return {
        start: instant(start),
        end: Number.isFinite(end) ? instant(end) : null,
        spent: spentView(spent),
        reserved: spentView(reserved),
      };
    };
    const periods = {
      day: periodOf("day"),
      week: periodOf("week"),
      month: periodOf("month"),
      total: periodOf("total"),
    };
    return { body: { scope, name, timeZone: usage.zone, running: usage.running, periods } };
  },
});

const LevelView = z
  .object({
    scope: z.string(),
    name: z.string(),
    dimension: z.enum(["requests", "tokens", "inputTokens", "outputTokens", "usd", "concurrent"]),
    window: z.enum(["second", "minute", "hour", "day", "week", "month", "total"]).nullable(),
    limit: z.string().describe("As a decimal: dollars for usd, otherwise a whole number."),
    burst: z.string().nullable().describe("What passes at once, for rates."),
    remaining: z.string().describe("Neither spent nor reserved."),
    resetAt: Instant.nullable().describe("When all of it is there again, where that is known."),
    grantedUntil: Instant.nullable().describe(
      "Until when this limit stands instead of a usual one; null where it is the usual one, or for good.",
    ),
  })
  .meta({ id: "LimitStanding", description: "One limit, and how it stands." });

export const getLimits = defineOperation({
  id: "limits.list",
  method: "GET",
  path: "/api/v1/limits",
  summary: "See the limits of a scope, and of everyone who pays as well, and how they stand",
  permission: "usage.read",
  audit: "none",
  input: { query: z.strictObject({ scope: Scope }) },
  output: z.object({ items: z.array(LevelView) }),
  async handle(context, { query }) {
    const scopes = await requireScopes(context, query.scope);
    const demands = scopes.map(({ scope, zone, limits, raises = [] }) => ({
      scope,
      zone,
      limits: limitsInForce(scope, limits, raises, context.now),
      amounts: { requests: 0, input: 0, output: 0, usd: 0 },
    }));
    const levels = await context.meter.levels(demands);
    const periods = await periodsOf(context, levels, scopes);
    const items = levels.map(({ scope, limit, remaining, resetMs }) => {
      const { name, raises = [] } = scopes.find((each) => each.scope === scope) as LimitedScope;
      const { dimension, window, amount, burst } = limit;
      const exact = (value: number) => (dimension === "usd" ? formatUsd(value) : String(value));
      const raise = raises.find((each) => each.limit === limit);
      return {
        ...{ scope, name, dimension, window },
        limit: exact(amount),
        burst: window === "second" || window === "minute" || window === "hour" ? exact(burst ?? amount) : null,
        remaining: exact(remaining),
        resetAt:
          resetMs === 0 ? null : instant(periods.get(scope)?.[window as PeriodName]?.end ?? context.now + resetMs),
        grantedUntil: instantOrNull(raise?.until ?? null),
      };
    });
    return { body: { items } };
  },
});

type PeriodName = (typeof PERIODS)[number];

/** When quotas and budgets end, to the millisecond: added to this node's time, what is left until then is not exact. */
async function periodsOf({ meter }: ReadContext, levels: readonly Level[], scopes: readonly LimitedScope[]) {
  const isQuota = ({ limit, resetMs }: Level) => resetMs !== 0 && PERIODS.some((period) => period === limit.window);
  const names = new Set(levels.filter(isQuota).map(({ scope }) => scope));
  const asked = scopes.filter(({ scope }) => names.has(scope));
  return new Map(
    await Promise.all(asked.map(async ({ scope, zone }) => [scope, (await meter.usage(scope, zone)).periods] as const)),
  );
}

const StatementView = z
  .object({
    scope: z.string(),
    name: z.string(),
    since: Instant,
    until: Instant.describe("Exclusive."),
    lines: z.array(
      Spent.extend({
        api: z.string().nullable(),
        model: z.string().nullable(),
        provider: z
          .string()
          .nullable()
          .describe("Null for what was charged by rule, where nobody is left to say who was asked."),
        providerModel: z.string().nullable(),
        priceSource: z.string().nullable().describe("Price list and version."),
      }),
    ),
    total: Spent.describe(
      "The lines add up to it, but for requests: a call that fell back is one here, and one in each line.",
    ),
  })
  .meta({ id: "Statement", description: "What was charged for calls that were admitted in a time." });

/** The longest time of one statement: a leap year. */
const MAX_STATEMENT_MS = 366 * 24 * 3_600_000;

const time = z.union(
  [z.iso.date(), z.iso.datetime({ offset: true })],
  "must be a date (2027-01-01) or a date and time with zone (2027-01-01T12:00:00Z)",
);

export const getStatement = defineOperation({
  id: "statements.get",
  method: "GET",
  path: "/api/v1/statements",
  summary: "Add up from the ledger what a scope was charged in a time",
  description:
    "Read from the ledger itself, record by record, not from the counters; over long times it takes a while.",
  permission: "usage.read",
  audit: "none",
  input: {
    query: z.strictObject({
      scope: Scope,
      since: time.describe("A date alone is its first moment in UTC."),
      until: time.describe("Exclusive."),
    }),
  },
  output: StatementView,
  async handle(context, { query }) {
    const [since, until] = [Date.parse(query.since), Date.parse(query.until)];
    if (until <= since) throw invalidField("query", "until", "must be later than since");
    if (until - since > MAX_STATEMENT_MS) throw invalidField("query", "until", "must be at most 366 days after since");
    const [{ scope, name }] = await requireScopes(context, query.scope);
    const belongs = belongingTo(scope);
    const statement = new Statement();
    for await (const records of context.ledger.admitted(since, until)) {
      for (const record of records) {
        const own = belongs(record);
        if (own !== undefined) statement.add(own);
      }
    }
    const lines = statement.lines().map(({ nanoUsd, calls, inputTokens, outputTokens, ...line }) => ({
      ...line,
      ...spentView({ requests: calls, input: inputTokens, output: outputTokens, usd: nanoUsd }),
    }));
    const { calls, inputTokens, outputTokens, nanoUsd } = statement.total;
    const total = spentView({ requests: calls, input: inputTokens, output: outputTokens, usd: nanoUsd });
    return { body: { scope, name, since: instant(since), until: instant(until), lines, total } };
  },
});

const RecountView = z
  .object({
    entries: z.number().int().describe("Entries of the ledger that were added up."),
    accounts: z.number().int().describe("Scopes that were compared."),
    found: z.number().int().describe("Sums that differed."),
    differences: z
      .array(
        z.object({
          scope: z.string(),
          period: z.enum(PERIODS),
          of: z.enum(["requests", "input", "output", "usd"]),
          counted: z.string(),
          ledger: z.string(),
        }),
      )
      .describe("The first thousand of them."),
    mended: z.boolean(),
  })
  .meta({ id: "Recount", description: "What adding up the whole ledger has found." });

export const recountLedger = defineOperation({
  id: "ledger.recount",
  method: "POST",
  path: "/api/v1/ledger/recount",
  summary: "Add up the whole ledger, compare it with what is counted, and set that right if asked",
  description: "Calls go on meanwhile. Without `mend` nothing is changed.",
  permission: "ledger.recount",
  audit: "ledger.recount",
  repeat: "harmless",
  input: { body: z.strictObject({ mend: z.boolean().default(false) }) },
  output: RecountView,
  async handle(context, { body }) {
    const { differences, ...found } = await context.ledger.recount(body.mend);
    await context.change(
      { subject: "ledger", tenantId: null, detail: { mend: body.mend, found: found.found } },
      async (writer) => writer.note(),
    );
    const exact = (of: keyof Amounts, value: number) => (of === "usd" ? formatUsd(value) : String(value));
    const told = differences.map((each) => ({
      ...each,
      counted: exact(each.of, each.counted),
      ledger: exact(each.of, each.ledger),
    }));
    return { body: { ...found, differences: told } };
  },
});

function spentView({ requests, input, output, usd }: Amounts) {
  return { requests, inputTokens: input, outputTokens: output, usd: formatUsd(usd) };
}

/** The scope, and everyone who pays as well. @throws GatewayError not_found */
async function requireScopes(context: ReadContext, scope: string): Promise<[LimitedScope, ...LimitedScope[]]> {
  const [kind, name] = [scope.slice(0, scope.indexOf(":")), scope.slice(scope.indexOf(":") + 1)];
  const catalog = context.catalog();
  const things = {
    model: [...catalog.models.values(), ...catalog.patterns],
    provider: [...catalog.providers.values()],
  };
  const thing = kind === "model" || kind === "provider" ? things[kind].find((each) => each.name === name) : undefined;
  const scopes =
    thing === undefined
      ? await context.administration.chargedScopes((await scopeByNames(context, scope)) ?? scope)
      : [{ scope, name, tenantId: null, zone: HOUSE_ZONE, limits: thing.limits ?? [] }];
  const [first, ...rest] = scopes;
  if (first === undefined) throw new GatewayError("not_found", `There is no such scope; a scope is ${SCOPE_FORMS}.`);
  return [first, ...rest];
}

const FIELDS = {
  key: "keyId",
  application: "applicationId",
  team: "teamId",
  tenant: "tenantId",
  subscription: "subscriptionId",
  model: "catalogModel",
} as const;

/** The share of a record that a scope is charged: of an account, what was asked there. */
function belongingTo(scope: string): (record: UsageRecord) => UsageRecord | undefined {
  const [kind, id] = [scope.slice(0, scope.indexOf(":")), scope.slice(scope.indexOf(":") + 1)];
  if (kind !== "provider") {
    const field = FIELDS[kind as keyof typeof FIELDS];
    return (record) => (record[field] === id ? record : undefined);
  }
  return (record) => {
    const charge = chargesOf(record).find((each) => each.scope === scope);
    if (charge === undefined) return undefined;
    const { input: inputTokens, output: outputTokens, usd: costNanoUsd } = charge.amounts;
    const attempts = record.attempts.filter(({ provider }) => provider === id);
    return { ...record, attempts, inputTokens, outputTokens, costNanoUsd };
  };
}

import { z } from "zod";
import type { Catalog } from "../domain/catalog/catalog.ts";
import { ERRORS, type ErrorCode, GatewayError } from "../errors.ts";
import type { Tried } from "../ports/trial.ts";
import { invalidField } from "./input.ts";
import { defineOperation } from "./operation.ts";

/** Each is a question that the provider charges for, and all of them are asked within one answer of this API. */
const MAX_MODELS = 20;

/** Questions that run at once: fewer than the least that providers allow to new accounts. */
const AT_ONCE = 4;

/** No question is begun later, in milliseconds: with the one that runs then, it is what callers of this API wait for. */
const BEGIN_WITHIN_MS = 8_000;

const ModelName = z
  .string()
  .min(1, "must not be empty")
  .max(256, "must have at most 256 characters")
  .regex(/^[^\p{Cc}\p{Cf}]*$/u, "must not contain control or invisible characters");

const TriedModel = z
  .object({
    model: z.string().describe("The provider's own name of it."),
    answers: z.boolean(),
    as: z.enum(["conversation", "embeddings"]).nullable().describe("What it was asked for when it answered."),
    code: z
      .enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])
      .nullable()
      .describe("Why it did not answer, as calls would be told; null where it did."),
    status: z.number().int().nullable().describe("The provider's status, where it refused."),
    message: z.string().describe("What was wrong, in the provider's words or ours; empty where it answered."),
    inputTokens: z.number().int(),
    outputTokens: z.number().int(),
    totalMs: z.number().int(),
  })
  .meta({ id: "TriedModel", description: "What became of one small question to one model." });

const ProviderTest = z
  .object({
    provider: z.string(),
    kind: z.string(),
    key: z
      .enum(["works", "refused", "unknown", "none"])
      .describe("`unknown`: nobody has answered who would have looked at it. `none`: the account has no key."),
    working: z
      .boolean()
      .describe(
        "Whether every model that was asked has answered; of those that the configuration names, whether some have, and the others have only refused the question: it names models that speak, draw or judge as well.",
      ),
    models: z.array(TriedModel),
    leftOut: z
      .array(z.string())
      .describe("Models that were not asked, because there are too many or they took too long."),
  })
  .meta({ id: "ProviderTest", description: "Whether the key of a provider account works, and which models answer." });

export const testProvider = defineOperation({
  id: "providers.test",
  method: "POST",
  path: "/api/v1/providers/{name}/test",
  summary: "Ask a provider account whether its key works, and which of its models answer",
  description:
    `Each model is asked one question of a few words, whose answer has at most 16 tokens, with the account's key, as calls are. The provider charges ` +
    "for that; limits, the ledger and usage records have nothing of it. Without `models` those are asked that the configuration " +
    `names as targets of the account, at most ${MAX_MODELS} of them.`,
  permission: "provider.test",
  audit: "provider.test",
  repeat: "harmless",
  input: {
    path: z.strictObject({ name: z.string() }),
    body: z.strictObject({
      models: z
        .array(ModelName)
        .min(1, "must have at least 1 item")
        .max(MAX_MODELS, `must have at most ${MAX_MODELS} items`)
        .optional()
        .describe("The provider's own names. Needed where the configuration names none."),
    }),
  },
  output: ProviderTest,
  async handle(context, { path, body }) {
    const catalog = context.catalog();
    const account = catalog.providers.get(path.name);
    if (account === undefined) throw new GatewayError("not_found", noSuchAccount([...catalog.providers.keys()]));
    const all = [...new Set(body.models ?? modelsAt(catalog, account.name))];
    if (all.length === 0) {
      throw invalidField(
        "body",
        "models",
        `must say which to ask, as the configuration names no model of ${account.name}`,
      );
    }
    const asked = all.slice(0, MAX_MODELS);
    // Before anybody is asked: a question that is paid for and that nobody can be held to must not be.
    const subject = { subject: `provider:${account.name}`, tenantId: null, detail: { models: asked } };
    await context.change(subject, async (writer) => writer.note());
    const told = await askAll(asked, (model) => context.trial(account, model), context.elapsed);
    const models = asked.flatMap((model, at) => {
      const tried = told[at];
      return tried === undefined ? [] : [viewOf(model, tried)];
    });
    const tries = told.filter((tried) => tried !== undefined);
    const mayRefuse = body.models === undefined;
    return {
      body: {
        provider: account.name,
        kind: account.kind,
        key: account.sealedKey === null ? ("none" as const) : keyOf(tries),
        working: tries.some(answers) && tries.every((tried) => answers(tried) || (mayRefuse && refusesQuestion(tried))),
        models,
        leftOut: [...asked.filter((_, at) => told[at] === undefined), ...all.slice(MAX_MODELS)],
      },
    };
  },
});

/** In the order of `models`; undefined for those whose turn came too late. @param elapsed milliseconds since the request came */
async function askAll(
  models: readonly string[],
  ask: (model: string) => Promise<Tried>,
  elapsed: () => number,
): Promise<(Tried | undefined)[]> {
  const told = models.map((): Tried | undefined => undefined);
  let next = 0;
  const one = async () => {
    while (next < models.length && elapsed() < BEGIN_WITHIN_MS) {
      const at = next++;
      told[at] = await ask(models[at]!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return told;
}

/** The names by which the account's models are asked: not those that only a call completes. */
function modelsAt({ models, patterns }: Catalog, account: string): string[] {
  return [...models.values(), ...patterns]
    .flatMap(({ targets, fallbacks }) => [...targets, ...fallbacks])
    .filter(({ provider, model }) => provider === account && !model.includes("*"))
    .map(({ model }) => model);
}

function answers({ answeredAs }: Tried): boolean {
  return answeredAs !== null;
}

/** A model that is there for something else does, and so does one that is not there; providers' words do not tell which. */
function refusesQuestion({ code }: Tried): boolean {
  return code === "upstream_rejected" || code === "unsupported_feature";
}

/** A refusal for another reason says nothing of the key: some providers look at the request first, or at nothing. */
function keyOf(tries: readonly Tried[]): "works" | "refused" | "unknown" {
  if (tries.some(({ answeredAs, code }) => answeredAs !== null || code === "upstream_rate_limited")) return "works";
  return tries.some(({ code }) => code === "upstream_refused") ? "refused" : "unknown";
}

function viewOf(model: string, { answeredAs, totalMs, ...tried }: Tried) {
  return { model, answers: answeredAs !== null, as: answeredAs, ...tried, totalMs: Math.round(totalMs) };
}

function noSuchAccount(names: readonly string[]): string {
  const list = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  return `There is no such provider account; ${list}.`;
}

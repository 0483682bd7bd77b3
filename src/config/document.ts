import { z } from "zod";
import { DAY, HOUR } from "../kernel/clock.ts";
import type { ProviderAdapter } from "../spec/adapter.ts";
import { limits, timeZone } from "./limits.ts";
import { didYouMean } from "./nearest.ts";
import { parameters } from "./parameters.ts";
import { prices, tenantPrices } from "./prices.ts";
import { contextTokens, outputTokens, routing } from "./routing.ts";
import {
  baseUrl,
  count,
  email,
  identifier,
  instant,
  modelName,
  network,
  role,
  slug,
  targetName,
  title,
  version,
} from "./values.ts";

/** What the configuration must know of an adapter. It does not know the providers themselves. */
export type ProviderKind = Pick<
  ProviderAdapter,
  "kind" | "baseUrl" | "baseUrlOf" | "needsKey" | "options" | "authorization" | "models" | "local"
>;

/** Kinds that the documented file format names; those without an adapter are refused by a message that says so. */
const DOCUMENTED_KINDS =
  "demo openai openai-compatible azure-openai anthropic google vertex mistral cohere bedrock groq together deepseek dashscope ollama vllm openrouter xai fireworks".split(
    " ",
  );

/** Guardrails that the documented file format names and this version has no detector for. */
const DOCUMENTED_GUARDRAILS = ["pii", "secrets", "injection", "validation", "regex", "moderation"];

/** Bounds keep a typing error from switching a protection off, or the gateway with it. */
const milliseconds = (fallback: number, meaning: string) =>
  z.int().min(10).max(DAY).default(fallback).describe(`${meaning}, in milliseconds.`);

const deadlines = z
  .strictObject({
    bodyMs: milliseconds(30_000, "How long a caller may take to send a body"),
    firstByteMs: milliseconds(120_000, "How long a provider may take to begin a streamed answer"),
    unaryMs: milliseconds(
      600_000,
      "How long a provider may take for an answer that is not streamed, its beginning included",
    ),
    idleMs: milliseconds(120_000, "How long a provider may be silent in the middle of a streamed answer"),
    totalMs: milliseconds(1_800_000, "How long a call may take in all"),
    readerMs: milliseconds(60_000, "How long a caller may go without reading on"),
  })
  .prefault({})
  .describe("Times after which a call is cut.");

const gateway = z
  .strictObject({
    maxBodyBytes: z
      .int()
      .min(1_024)
      .max(256 * 1024 * 1024)
      .default(8 * 1024 * 1024)
      .describe("Largest request body, in bytes."),
    maxOpenCalls: z.int().min(1).max(1_000_000).default(8_192).describe("Calls open at once; more are answered 503."),
    deadlines,
    drainDelayMs: z
      .int()
      .min(0)
      .max(HOUR)
      .default(0)
      .describe(
        "How long calls are still taken after SIGTERM while readiness is red already, in milliseconds; as long as a load balancer needs to notice.",
      ),
    drainMs: z
      .int()
      .min(0)
      .max(HOUR)
      .default(30_000)
      .describe("How long running calls may go on once no new ones are taken, in milliseconds."),
    badCredentialsPerMinute: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe("Bad credentials that one address may show in a minute before it is answered 429."),
  })
  .prefault({})
  .describe("Settings of the gateway listener.");

/** Where a secret is kept. The file itself never holds one. */
const secretReference = () =>
  z
    .strictObject(
      {
        env: z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of an environment variable" })
          .optional()
          .describe("Name of an environment variable that holds the secret."),
        file: z
          .string()
          .min(1)
          .optional()
          .describe("File that holds the secret, relative to this file's folder; a last newline does not count."),
        vault: z.string().optional().describe("Path in an external vault. Not supported by this version."),
      },
      {
        error: ({ code, input }) =>
          code === "invalid_type" && typeof input === "string"
            ? "must say where the secret is kept, { env: NAME } or { file: path }, and not be the secret itself"
            : undefined,
      },
    )
    .superRefine((reference, context) => {
      const named = Object.keys(reference);
      if (named.length !== 1) {
        context.addIssue({ code: "custom", message: "must name exactly one place: { env: NAME } or { file: path }" });
      } else if (reference.vault !== undefined) {
        const message = "is not supported by this version; keep the secret in an environment variable or a file";
        context.addIssue({ code: "custom", path: ["vault"], message });
      } else if (reference.env?.startsWith("SALLYPORT_")) {
        const message = "must not be one of Sallyport's own variables: their secrets go to nobody";
        context.addIssue({ code: "custom", path: ["env"], message });
      }
    });

function provider(kinds: readonly string[]) {
  return z.strictObject({
    name: identifier().describe("Name of the account; targets refer to it."),
    kind: z
      .enum(kinds as [string, ...string[]], {
        error: (issue) => {
          if (typeof issue.input !== "string") return undefined;
          if (DOCUMENTED_KINDS.includes(issue.input))
            return `has ${issue.input}, which is not supported by this version; it may be one of ${kinds.join(", ")}`;
          return `must be one of ${kinds.join(", ")}${didYouMean(issue.input, kinds)}`;
        },
      })
      .describe("Which API the provider speaks."),
    baseUrl: baseUrl()
      .optional()
      .describe(
        "Where the API lives, without a trailing slash; needed where the kind has no public address of its own, and none that follows from its options.",
      ),
    apiKey: secretReference()
      .optional()
      .describe("The account's key, or for kinds that trade it for something else, a JSON text (see below)."),
    options: z
      .record(z.string(), z.string())
      .default({})
      .describe("What accounts of some kinds say beside address and key, by name (see below)."),
    allowPrivateNetwork: z
      .boolean()
      .default(false)
      .describe("Whether private and loopback addresses may be called; else they are refused."),
    prices,
    region: identifier()
      .exactOptional()
      .describe("Where what is sent there is processed, such as eu; APIs may demand it."),
    dataHandling: z
      .array(identifier())
      .default([])
      .describe("What the provider has promised of what is sent there, such as no-training; APIs may demand it."),
    healthCheck: z
      .strictObject({
        path: z
          .string()
          .regex(/^\/[\x21-\x7e]*$/, "must be a path that begins with /")
          .describe("Asked with GET and without the key, relative to the base URL. Any answer below 500 is good."),
        everyMs: z.int().min(1_000).max(HOUR).default(10_000).describe("Milliseconds between two checks."),
      })
      .exactOptional()
      .describe("Asks whether the provider is there, so that no call has to find out. Without it calls tell."),
    limits: limits()
      .default([])
      .describe("What all callers together may use there. An account without room is not asked; others serve."),
  });
}

const target = {
  provider: z.string().describe("Name of a provider account."),
  model: targetName().describe(
    "The provider's name of the model; one * stands for what the star of the model's name matched.",
  ),
};

const model = z.strictObject({
  name: modelName().describe(
    "The name that callers use. A * at its end stands for any rest, of at least one character.",
  ),
  targets: z
    .array(
      z.strictObject({
        ...target,
        contextTokens,
        outputTokens,
        weight: z.int().min(1).max(1_000_000).default(1).describe("Share among the targets."),
      }),
    )
    .min(1)
    .describe("Who serves the model; calls are shared by weight."),
  fallbacks: z
    .array(z.strictObject({ ...target, contextTokens, outputTokens }))
    .default([])
    .describe("Asked in order when the targets have failed."),
  routing,
  limits: limits().default([]).describe("What all callers together may use of it."),
});

const phrases = z.strictObject({
  name: identifier().describe("Name of the guardrail; APIs refer to it."),
  kind: z.literal("phrases").describe("Literal texts, found whatever their case."),
  phrases: z.array(z.string().min(1).max(1_000)).min(1).max(10_000).describe("The texts."),
  action: z.enum(["mask", "deny"]).describe("Whether a text is hidden, or the call refused."),
  direction: z
    .enum(["input", "output", "both"])
    .default("both")
    .describe("Whether prompts, answers or both are looked at."),
});

const guardrail = z.discriminatedUnion("kind", [phrases], {
  error: (issue) => {
    if (issue.code !== "invalid_union") return undefined;
    const kind = (issue.input as { kind?: unknown } | undefined)?.kind;
    if (kind === undefined) return "is required";
    if (!DOCUMENTED_GUARDRAILS.includes(String(kind))) return `must be phrases${didYouMean(String(kind), ["phrases"])}`;
    return `is ${kind}, which this version cannot enforce; a guardrail that does nothing would be worse than none, so only phrases may stand here`;
  },
});

const plan = z.strictObject({
  name: identifier().describe("Name of the plan; subscriptions refer to it."),
  limits: limits().describe("What a subscriber may use. An empty list sets no limit."),
  whenStoreAway: z
    .strictObject({ requests: count().max(1_000_000).describe("Calls of each subscription, on each node.") })
    .exactOptional()
    .describe(
      "What is admitted while the counters that several nodes share cannot be reached. Nothing where absent, and never what is limited in money.",
    ),
});

const api = z.strictObject({
  slug: slug().describe("Name of the API in paths."),
  version: version().describe("Version in paths, such as v1."),
  stage: z
    .enum(["draft", "published", "deprecated", "retired"])
    .default("draft")
    .describe("Only published and deprecated APIs answer calls."),
  models: z.array(modelName()).min(1).describe("Names of models; a * at the end stands for any rest."),
  guardrails: z.array(z.string()).default([]).describe("Names of guardrails, applied in this order."),
  approval: z.enum(["auto", "manual"]).default("manual").describe("Whether subscriptions need an approval."),
  capture: z.boolean().default(false).describe("Whether prompts and answers are kept in the usage records."),
  placement: z
    .strictObject({
      regions: z.array(identifier()).default([]).describe("Only accounts in one of these regions are asked."),
      dataHandling: z.array(identifier()).default([]).describe("Only accounts that promise all of these are asked."),
    })
    .prefault({})
    .describe("What an account must be and promise to be asked; nothing where absent."),
  parameters,
  remoteMedia: z
    .boolean()
    .default(false)
    .describe(
      "Whether images and documents that callers name by an https address are fetched for providers that take bytes only. Public addresses only; else such calls are refused.",
    ),
  shorten: z
    .boolean()
    .default(false)
    .describe(
      "Whether a call that does not fit its limits is shortened to what does: its bound on output is lowered, and the header x-sallyport-max-tokens says to what. Else it is refused.",
    ),
  storedState: z
    .boolean()
    .default(false)
    .describe(
      "Whether callers may refer to what is kept at the provider's account and is not known to be their application's own: conversations, prompts, vector stores, caches, containers, files and responses from elsewhere. Whoever can call the account can name any of them; allow it where that is one application's account. An application's own files and responses need no leave.",
    ),
  deprecatedAt: instant()
    .optional()
    .describe("Since when it is deprecated; told to callers. A date is its first moment, UTC."),
  sunsetAt: instant().optional().describe("When it goes away; told to callers. A date is its first moment, UTC."),
});

const subscription = z.strictObject({
  api: z.string().describe("Slug of an API."),
  version: z.string().describe("Version of that API."),
  plan: z.string().describe("Name of a plan."),
  state: z
    .enum(["requested", "approved", "rejected", "suspended"])
    .optional()
    .describe("approved lets calls through. Where absent: approved for APIs with approval auto, else requested."),
});

const key = z.strictObject({
  name: title().describe("Name of the key."),
  import: secretReference().describe("The key itself, with at least 128 bits of entropy in its form."),
  allowFrom: z.array(network()).default([]).describe("Networks from which it may be used; an empty list is anywhere."),
  expires: instant().optional().describe("From when on it is refused; a date is its first moment, UTC."),
  limits: limits().default([]).describe("What this key may use, beside the plan of its application."),
});

const application = z.strictObject({
  name: title().describe("Name of the application."),
  subscriptions: z.array(subscription).default([]).describe("Which APIs it may call, and under which plan."),
  keys: z.array(key).default([]).describe("Keys that are brought along. Others are made with: sallyport key create."),
  limits: limits().default([]).describe("What it may use under all of its plans together."),
});

const team = z.strictObject({
  name: title().describe("Name of the team."),
  members: z
    .array(
      z.strictObject({
        email: email().describe("E-mail address of the person."),
        roles: z.array(role()).default([]).describe("What the person is in the team. The one role is developer."),
      }),
    )
    .default([])
    .describe("People of the team."),
  applications: z.array(application).default([]).describe("What consumes APIs."),
  limits: limits().default([]).describe("What its applications may use together."),
});

const tenant = z.strictObject({
  name: title().describe("Name of the tenant. Nothing of one tenant is visible to another."),
  prices: tenantPrices,
  teams: z.array(team).default([]).describe("Groups of people and applications."),
  limits: limits().default([]).describe("What its teams may use together."),
  timeZone: timeZone().default("UTC").describe("Whose day, week and month its limits count in: an IANA time zone."),
});

/** The schema of sallyport.yaml. @param kinds of the adapters there are. */
export function documentSchema(kinds: readonly string[]) {
  return z
    .strictObject({
      version: z.literal(1).describe("Version of this file's format."),
      gateway,
      providers: z.array(provider(kinds)).default([]).describe("Accounts at providers."),
      models: z.array(model).default([]).describe("Names that callers use, and who serves them."),
      guardrails: z.array(guardrail).default([]).describe("What is looked for in prompts and answers."),
      plans: z.array(plan).default([]).describe("What subscribers are promised."),
      apis: z.array(api).default([]).describe("Published products."),
      tenants: z.array(tenant).default([]).describe("Who uses them."),
    })
    .describe("Declarative configuration of Sallyport (sallyport.yaml).");
}

/** A checked document, with its defaults in place. */
export type Document = z.infer<ReturnType<typeof documentSchema>>;
export type SecretReference = NonNullable<Document["providers"][number]["apiKey"]>;
export type GatewaySection = Document["gateway"];

/** The settings that hold where there is no configuration file, or no such section in it. */
export function defaultGateway(): GatewaySection {
  return gateway.parse({});
}

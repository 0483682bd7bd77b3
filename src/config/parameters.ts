import { z } from "zod";
import { EFFORTS } from "../domain/catalog/parameters.ts";
import { MAX_CHOICES, MAX_OUTPUT_TOKENS } from "../kernel/bounds.ts";

const tokens = () => z.int().min(1).max(MAX_OUTPUT_TOKENS).exactOptional();
const fraction = () => z.number().min(0).max(1).exactOptional();
const temperature = () => z.number().min(0).max(2).exactOptional();
const topK = () => z.int().min(1).max(1_000_000).exactOptional();
const penalty = () => z.number().min(-2).max(2).exactOptional();

const VALUES = {
  maxOutputTokens: tokens().describe("Tokens that one answer may have, reasoning included."),
  temperature: temperature().describe("Sampling temperature."),
  topP: fraction().describe("Nucleus sampling."),
  topK: topK().describe("How many of the likeliest tokens are sampled from."),
  seed: z.int().exactOptional().describe("Seed of the sampling."),
  presencePenalty: penalty().describe("Penalty of tokens that were there before."),
  frequencyPenalty: penalty().describe("Penalty of tokens by how often they were there before."),
  serviceTier: z
    .string()
    .regex(/^[a-z0-9_-]{1,64}$/, "must be a name of a tier, such as flex")
    .exactOptional()
    .describe("The provider's tier of service, such as flex."),
  parallelToolCalls: z.boolean().exactOptional().describe("Whether a model may call several tools at once."),
  reasoning: z.enum(EFFORTS).exactOptional().describe("How much to think; none switches it off."),
};

const values = (meaning: string) => z.strictObject(VALUES).exactOptional().describe(meaning);

const caps = z
  .strictObject({
    maxOutputTokens: tokens().describe(
      "Tokens that one answer may have. It also bounds the answers of callers who set no bound.",
    ),
    temperature: temperature().describe("Sampling temperature."),
    topP: fraction().describe("Nucleus sampling."),
    topK: topK().describe("How many of the likeliest tokens are sampled from."),
    choices: z.int().min(1).max(MAX_CHOICES).exactOptional().describe("Answers wanted at once (n)."),
    reasoning: z.enum(EFFORTS).exactOptional().describe("How much to think, as an effort; none lets no model think."),
    reasoningTokens: tokens().describe("How much to think, as a budget in tokens."),
  })
  .exactOptional()
  .describe("The most that is passed on; more is lowered, and the caller is told.");

const names = () =>
  z
    .array(
      z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/, "must be the name of a parameter, such as temperature or logit_bias"),
    )
    .max(256)
    .exactOptional();

const patterns = () => z.array(z.string().min(1).max(128)).max(1_024).exactOptional();

const tools = z
  .strictObject({
    allow: patterns().describe("Names of tools that callers may bring; a * stands for any text. Absent: any."),
    deny: patterns().describe("Names of tools that callers may not bring; a * stands for any text."),
    serverSide: z
      .boolean()
      .exactOptional()
      .describe("Whether a provider may run tools of its own, such as web search; true where absent."),
  })
  .exactOptional()
  .describe("Which tools may be offered to the model.");

/** On an API: what becomes of the parameters of its callers. */
export const parameters = z
  .strictObject({
    defaults: values("What is asked for where the caller says nothing."),
    caps,
    pins: values("What is asked for whatever the caller says."),
    allow: names().describe(
      "Parameters that callers may give, as maxOutputTokens or by the name of the caller's dialect; others are refused. Absent: all.",
    ),
    deny: names().describe("Parameters that callers may not give."),
    tools,
    store: z
      .literal(false)
      .exactOptional()
      .describe("false: providers that keep calls, and can be told not to, are told so, whatever the caller says."),
    training: z
      .literal(false)
      .exactOptional()
      .describe(
        "false: providers that can be told not to learn from a call are told so. Of others, placement.dataHandling can demand the promise.",
      ),
  })
  .superRefine(({ defaults, pins, caps: most }, context) => {
    for (const [where, set] of Object.entries({ defaults, pins })) {
      for (const [name, value] of Object.entries(set ?? {})) {
        const problem = (message: string) => context.addIssue({ code: "custom", path: [where, name], message });
        if (where === "defaults" && pins !== undefined && name in pins)
          problem("must not stand beside a pin of the same name");
        const cap = (most as Record<string, unknown> | undefined)?.[name];
        if (cap !== undefined && rank(value) > rank(cap)) problem(`must not be above the cap of ${cap}`);
      }
    }
  })
  .exactOptional()
  .describe("What becomes of the parameters of its callers; they are passed on as they are where it is absent.");

function rank(value: unknown): number {
  return typeof value === "string" ? (EFFORTS as readonly string[]).indexOf(value) : Number(value);
}

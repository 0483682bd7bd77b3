import type { JsonObject } from "../kernel/json.ts";
import { createAdminClient } from "./admin-client.ts";
import type { Command } from "./command.ts";
import { EXIT_FAILURE, EXIT_OK } from "./io.ts";
import { printable, table } from "./print.ts";

export const providerTest: Command = {
  name: "provider test",
  summary:
    "Asks a provider account whether its key works, and which models answer: one question of a few words to each, which the provider charges for.",
  positionals: [{ name: "provider", required: true }],
  flags: {
    model: {
      value: "<name>",
      help: "A model to ask, by the provider's own name of it. Default: those that the configuration names.",
      multiple: true,
    },
  },
  /** Fails where the gateway says that it does not work: also where a model that was named did not answer. */
  async run({ positionals, flags, json }, io) {
    const models = flags.model ?? [];
    const path = `/api/v1/providers/${encodeURIComponent(positionals[0]!)}/test`;
    const client = createAdminClient(io, { models: "model" });
    const test = await client.call("POST", path, models.length === 0 ? {} : { models: [...models] });
    const exit = test.working === true ? EXIT_OK : EXIT_FAILURE;
    if (json) {
      io.stdout(`${JSON.stringify(test, null, 2)}\n`);
      return exit;
    }
    const rows = (test.models as JsonObject[]).map((each) => [
      String(each.model),
      each.answers === true ? "yes" : "no",
      `${each.totalMs} ms`,
      each.answers === true ? answered(each) : refused(each),
    ]);
    io.stdout(table(["MODEL", "ANSWERS", "TOOK", ""], rows));
    io.stdout(`\n${inSum(test)}\n`);
    return exit;
  },
};

function answered({ as, inputTokens, outputTokens }: JsonObject): string {
  return `${as}, ${inputTokens} tokens in, ${outputTokens} out`;
}

function refused({ code, status, message }: JsonObject): string {
  return `${code}${status === null ? "" : ` (${status})`}: ${message}`;
}

/** The outcome in words, and what to do where something is wrong. */
function inSum(test: JsonObject): string {
  const name = printable(String(test.provider));
  const models = test.models as JsonObject[];
  const answering = models.filter(({ answers }) => answers === true).length;
  const leftOut = test.leftOut as string[];
  const said = [
    ...[KEY[String(test.key)]?.(name) ?? ""],
    ...[`${answering} of ${models.length} models ${answering === 1 ? "answers" : "answer"}.`],
    ...(leftOut.length === 0 ? [] : [`Not asked: ${leftOut.map(printable).join(", ")}; ask them with --model.`]),
    ...hints(models),
  ];
  return said.filter((line) => line !== "").join("\n");
}

const KEY: Readonly<Record<string, (name: string) => string>> = {
  works: (name) => `The key of ${name} works.`,
  refused: (name) =>
    `The provider refuses the key of ${name}. Give the account another one where the configuration refers to it, and start the gateway again.`,
  unknown: (name) => `Whether the key of ${name} works is not known: nobody has answered who would have looked at it.`,
  none: (name) => `${name} has no key.`,
};

/** By the code of why a model did not answer. What is not here speaks for itself. */
const HINTS: Readonly<Record<string, string>> = {
  upstream_blocked:
    "A provider of your own network needs allowPrivateNetwork: true in the configuration of its account.",
  upstream_unreachable:
    'Look at the account\'s baseUrl, and at name service and firewall: "sallyport doctor --online".',
  upstream_malformed: "Look at the account's baseUrl and kind: what answers there does not speak that kind's dialect.",
  upstream_rejected:
    "A model that refuses the question is there for something else (speech, pictures, judgement), or its name is not the provider's own, or the account's baseUrl is wrong.",
  upstream_rate_limited: "The account is at a limit of its provider's, or out of credit: its console says which.",
};

function hints(models: readonly JsonObject[]): string[] {
  const codes = new Set(models.map(({ code }) => String(code)));
  return [...codes].flatMap((code) => (Object.hasOwn(HINTS, code) ? [HINTS[code]!] : []));
}

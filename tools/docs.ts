/**
 * Writes the pages that are made from code: `npm run docs`. With `--check` it writes
 * nothing and fails where a page is not what the code says.
 */
import { join } from "node:path";
import { z } from "zod";
import { openApiDocument } from "../src/admin/openapi.ts";
import { OPERATIONS } from "../src/admin/operations.ts";
import { documentSchema } from "../src/config/document.ts";
import { VARIABLES } from "../src/config/environment.ts";
import { ERRORS, type ErrorCode, type Owner } from "../src/errors.ts";
import { ADAPTERS } from "../src/providers/adapters.ts";
import { KEY_FORMS } from "../src/spec/account-key.ts";
import type { ProviderAdapter } from "../src/spec/adapter.ts";
import type { PublicError } from "../src/spec/wire.ts";
import { anthropicMessages } from "../src/wire/anthropic-messages/index.ts";
import { openaiChat } from "../src/wire/openai-chat/index.ts";
import { providerSections } from "./provider-page.ts";
import { type Field, fieldsOf, type JsonSchema } from "./schema-fields.ts";

export interface GeneratedPage {
  file: string;
  make(): Promise<string> | string;
}

export const PAGES: readonly GeneratedPage[] = [
  { file: "docs/errors.md", make: errorsPage },
  { file: "docs/config.md", make: configPage },
  { file: "docs/config.schema.json", make: () => asJson(configSchema()) },
  { file: "docs/providers.md", make: providersPage },
  { file: "docs/openapi.json", make: async () => asJson(openApiDocument(OPERATIONS, await version())) },
];

const GENERATED = "<!-- Made from the code by `npm run docs`; changes here are overwritten. -->";

const OWNERS: Record<Owner, string> = {
  client: "The caller: the request has to change.",
  policy: "A rule that an administrator set: wait, or ask for more.",
  config: "The administrator: the gateway's configuration has to change.",
  platform: "Whoever runs the gateway.",
  upstream: "The provider.",
};

export function errorsPage(): string {
  const sections = (Object.keys(OWNERS) as Owner[]).map((owner) => {
    const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].owner === owner);
    return [`## ${OWNERS[owner]}`, "", ...table(ERROR_COLUMNS, codes.map(errorCells))].join("\n");
  });
  return page(
    "Errors",
    `Every way a call can fail, by who has to act before it can succeed. Errors take the shape of
the dialect that the route speaks, and the dialect's own word (\`type\`) beside our code:
OpenAI's \`{"error": {message, type, param, code}}\`, where \`code\` is ours but for
\`invalid_credential\`, which OpenAI's clients know as \`invalid_api_key\`; Anthropic's
\`{"type": "error", "error": {type, message}, "request_id"}\`; and on the admin listener a problem
document (RFC 9457) with \`code\`. \`x-request-id\` names the call in the log and in its usage record.
After the first byte of a stream an error is an event of the stream, and no clean end follows it. What the
provider says of it there reaches callers of its own dialect as it came, but for what names the gateway's account.
A provider's own 4xx keeps its status, and its own word for what is wrong with the request
(\`context_length_exceeded\`) stands in place of our code, or in Anthropic's \`details.error_code\`. That a prompt is
too long has this word also where the provider has none, and Anthropic's callers are told \`prompt is too long: \` before
the provider's words, because coding agents shorten the conversation then. Whatever else it
says of the error (Groq's \`failed_generation\`, Azure's \`innererror\`, Google's \`details\`) stands beside that for
callers of its own dialect, but where a guardrail reads answers: no guard reads it there.`,
    ...sections,
  );
}

const ERROR_COLUMNS = ["code", "status", "OpenAI `type`", "Anthropic `type`", "same call may succeed later", "meaning"];

function errorCells(code: ErrorCode): string[] {
  const row = ERRORS[code];
  const error: PublicError = { status: row.status, code, message: "", param: null, requestId: "" };
  const types = [openaiChat, anthropicMessages].map((wire) => {
    const body = wire.errorBody(error) as { error: { type: string } };
    return `\`${body.error.type}\``;
  });
  return [`\`${code}\``, String(row.status), ...types, row.retryable ? "yes" : "no", row.title];
}

/** The JSON Schema of what an author writes: what has a default may be left out. */
export function configSchema(): JsonSchema {
  const kinds = ADAPTERS.map((adapter) => adapter.kind);
  return z.toJSONSchema(documentSchema(kinds), { io: "input" }) as JsonSchema;
}

export function configPage(): string {
  const variables = VARIABLES.map((row) => [`\`${row.name}\``, row.meaning, row.default, row.secret ? "yes" : ""]);
  return page(
    "Configuration",
    `What the process reads: its environment, and the file that \`SALLYPORT_CONFIG\` names.
\`sallyport config validate\` checks both without starting anything, and where it is given a file, that file alone.

The file is applied at every start. What is missing is made, what differs is changed, and what the file
once made and no longer names is removed: the log says so, by name. Keys that the file imports come back
when it names them again; a key that the gateway issued is revoked for good with its application, also
where that was only renamed. What was made by other means stays, such as what a first start without a file made:
its application \`default/default/default\` may call everything without limits, until its key is revoked
(\`sallyport key list\`, \`sallyport key revoke\`). Variables like \`OPENAI_API_KEY\` make an account at a first
start without a file, and never later.`,
    "## Environment",
    `Each variable has a twin with \`_FILE\` at its end that names a file holding the value. A variable
that is empty counts as not set. An unknown \`SALLYPORT_*\` variable, or a value that cannot be
understood, stops the start with a line that names it.`,
    table(["variable", "meaning", "default", "secret"], variables).join("\n"),
    "## File",
    `YAML or JSON. [config.schema.json](config.schema.json) is its JSON Schema, by which editors complete
and check. Unknown fields are refused. Secrets are references, never values: \`{ env: NAME }\` or
\`{ file: path }\`. \`sallyport config validate\` names file, line and field of whatever is wrong, with
the rules that a schema cannot tell.`,
    table(["field", "type", "required", "meaning"], fieldsOf(configSchema()).map(fieldCells)).join("\n"),
    "## Accounts",
    `What accounts of some kinds say in \`options\`. The whole value must have the form; what is required
is so for accounts that name no \`baseUrl\`.`,
    table(["kind", "option", "required", "form", "meaning"], ADAPTERS.flatMap(optionCells)).join("\n"),
    `Keys that are not shown to the provider as they are, but sign the request or are traded for a
token: JSON texts. \`apiKey\` refers to the text, which is sealed whole; whatever decides where its
secret is sent stands inside of it. A key that is no JSON object is shown as it is.`,
    table(["kind", "key"], ADAPTERS.flatMap(keyCells)).join("\n"),
  );
}

function optionCells({ kind, options = {} }: ProviderAdapter): string[][] {
  return Object.entries(options).map(([name, { description, required, pattern }]) => [
    `\`${kind}\``,
    `\`${name}\``,
    required ? "yes" : "",
    `\`${pattern.source}\``,
    description,
  ]);
}

/** What the keys of a kind may be that are not shown as they are. */
function keyCells({ kind, authorization }: ProviderAdapter): string[][] {
  if (authorization === undefined) return [];
  const by = authorization("{}");
  return by === null ? [] : [[`\`${kind}\``, KEY_FORMS[by]]];
}

export function providersPage(): string {
  return page(
    "Providers",
    `What becomes of a feature between every dialect that callers speak and every provider. Nothing
here is written by hand: for each cell one small request that asks for the feature, and for nothing
else, was decoded by the front and written for the provider and for one model: the first that a
fresh account publishes, or one of which nothing is known. Other models may take more or less.
\`yes\`: it is asked of the provider, in its own words or by other means (a schema by a forced tool).
\`warned\`: it, or something of it, is left out or asked in another way, and
\`x-sallyport-warnings\` says so. \`400\`: refused by
the name of the field, or another target is asked that can. What a dialect has no word for is
not in its table. Images and documents by address reach providers that take bytes only where
the API fetches them ([howto/api-policy.md](howto/api-policy.md)). How answers fare is proved on
recordings of real providers: \`npm run conformance\`. What each dialect carries, and how:
[howto/dialects.md](howto/dialects.md).`,
    ...providerSections(table),
  );
}

async function version(): Promise<string> {
  const { version } = await Bun.file(join(import.meta.dir, "../package.json")).json();
  return version;
}

function page(title: string, ...parts: string[]): string {
  return `${[`# ${title}`, GENERATED, ...parts].join("\n\n")}\n`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), `|${columns.map(() => "---").join("|")}|`, ...rows.map(line)];
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function fieldCells(field: Field): string[] {
  const shown =
    field.default === undefined || ["[]", "{}"].includes(field.default) ? "" : `Default: \`${field.default}\`.`;
  return [
    `\`${field.path}\``,
    field.type,
    field.required ? "yes" : "",
    [field.meaning, shown].filter(Boolean).join(" "),
  ];
}

/** The pages that are not what the code says. `read` gives a page's text, or null where there is none. */
export async function stalePages(
  pages: readonly GeneratedPage[],
  read: (file: string) => Promise<string | null>,
): Promise<{ file: string; wanted: string }[]> {
  const stale: { file: string; wanted: string }[] = [];
  for (const { file, make } of pages) {
    const wanted = await make();
    if ((await read(file)) !== wanted) stale.push({ file, wanted });
  }
  return stale;
}

if (import.meta.main) {
  const root = join(import.meta.dir, "..");
  const check = process.argv.includes("--check");
  const stale = await stalePages(PAGES, async (file) => {
    const page = Bun.file(join(root, file));
    return (await page.exists()) ? await page.text() : null;
  });
  for (const { file, wanted } of stale) {
    if (check) console.error(`${file} is not what the code says; run: npm run docs`);
    else await Bun.write(join(root, file), wanted);
  }
  console.log(`docs: ${PAGES.length} pages, ${stale.length} ${check ? "stale" : "written"}`);
  process.exit(check && stale.length > 0 ? 1 : 0);
}

import { subscriptionFor } from "../../domain/access/decide.ts";
import { type Catalog, findModel, matchesPattern } from "../../domain/catalog/catalog.ts";
import { GatewayError } from "../../errors.ts";
import type { Records, UsageRecord } from "../../ports/records.ts";
import type { ProviderAdapter } from "../../spec/adapter.ts";
import type { Dialect } from "../../spec/dialect.ts";
import { offers, onlyTest } from "../authorize.ts";
import type { Call } from "../call.ts";
import type { Identified } from "../identify.ts";
import { finalRecord } from "../record.ts";
import { commonHeaders } from "./headers.ts";

export interface KeepRecordPorts {
  records: Pick<Records, "append">;
  onRecord(record: UsageRecord, kept: boolean): void;
}

export interface ListModelsPorts extends KeepRecordPorts {
  catalog(): Catalog;
  adapter(kind: string): ProviderAdapter | undefined;
}

/**
 * What a key may use, in the caller's dialect. Spends nothing: no provider is asked, the catalog is in
 * memory. It leaves a record like every other call.
 */
export function createListModels(ports: ListModelsPorts) {
  return async function listModels(caller: Identified): Promise<Response> {
    const { call } = caller;
    const body = JSON.stringify(answerTo(caller, ports));
    await keepRecord(call, ports);
    call.end();
    const headers = { ...commonHeaders(call), "content-type": "application/json", "cache-control": "no-store" };
    return new Response(body, { headers });
  };
}

/** For a list that is made here: the record of a call that spends nothing. */
export async function keepRecord(call: Call, { records, onRecord }: KeepRecordPorts): Promise<void> {
  const record = finalRecord(call, "finished", null);
  const kept = await records.append(record).then(
    () => true,
    () => false,
  );
  // Nothing is spent, so nothing is lost that anybody has to pay: it is logged and counted all the same.
  onRecord(record, kept);
}

/** @throws GatewayError model_not_found */
function answerTo(caller: Identified, ports: ListModelsPorts): object {
  const { match } = caller;
  const names = usable(caller, ports);
  const { describe, list } = FORMS[match.endpoint.wire.dialect] ?? OPENAI;
  const name = match.params.model;
  if (name === undefined) return list(names.map(describe), names);
  if (!names.includes(name) && !isUsable(caller, ports, name)) {
    throw new GatewayError(
      "model_not_found",
      `The model ${JSON.stringify(name)} does not exist or is not available to this key.`,
      { param: "model" },
    );
  }
  return describe(name);
}

/** Exact names of the catalog, and of a pattern those that its providers are known to have. */
function usable(caller: Identified, ports: ListModelsPorts): string[] {
  const catalog = ports.catalog();
  const names = new Set<string>(catalog.models.keys());
  for (const model of catalog.patterns) {
    for (const target of model.targets) {
      const kind = catalog.providers.get(target.provider)?.kind;
      for (const known of (kind === undefined ? undefined : ports.adapter(kind))?.models ?? []) {
        const name = model.name.slice(0, -1) + (target.model === "*" ? known : "");
        if (target.model === "*" || matchesPattern(target.model, known)) names.add(target.model === "*" ? name : known);
      }
    }
  }
  return [...names].filter((name) => isUsable(caller, ports, name)).sort();
}

function isUsable(caller: Identified, ports: ListModelsPorts, name: string): boolean {
  const catalog = ports.catalog();
  const model = findModel(catalog, name);
  if (model === undefined) return false;
  const { principal, match } = caller;
  const isTest = (kind: string) => ports.adapter(kind)?.test === true;
  if (principal.key.mode === "test" && !onlyTest(catalog, model, isTest)) return false;
  return subscriptionFor(principal, name, match.api, (api) => catalog.apis.get(api), offers) !== undefined;
}

/** How one dialect tells of a model, and of several. */
interface Form {
  describe(name: string): object;
  list(models: object[], names: readonly string[]): object;
}

/** No dialect's clients do anything with the time; the gateway does not know when a model was made. */
const OPENAI: Form = {
  describe: (id) => ({ id, object: "model", created: 0, owned_by: "sallyport" }),
  list: (data) => ({ object: "list", data }),
};

/** Where a dialect has a list of its own. */
const FORMS: Partial<Record<Dialect, Form>> = {
  "anthropic-messages": {
    describe: (id) => ({ type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" }),
    list: (data, names) => ({ data, has_more: false, first_id: names[0] ?? null, last_id: names.at(-1) ?? null }),
  },
  gemini: {
    describe: (name) => ({
      name: `models/${name}`,
      baseModelId: name,
      version: "",
      displayName: name,
      supportedGenerationMethods: ["generateContent"],
    }),
    list: (models) => ({ models }),
  },
  ollama: {
    describe: (name) => ({
      name,
      model: name,
      modified_at: "1970-01-01T00:00:00Z",
      size: 0,
      digest: "",
      details: DETAILS,
    }),
    list: (models) => ({ models }),
  },
};

/** What Ollama knows of a file; its clients read the fields without asking whether they are there. */
const DETAILS = { parent_model: "", format: "", family: "", families: [], parameter_size: "", quantization_level: "" };

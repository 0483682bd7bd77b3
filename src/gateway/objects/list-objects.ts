import { isCallable } from "../../domain/access/decide.ts";
import type { Catalog } from "../../domain/catalog/catalog.ts";
import { maskFor, maskReadings } from "../../domain/guardrails/phrases.ts";
import { GatewayError } from "../../errors.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { ObjectKind, ObjectQuery, ProviderObject, ProviderObjects } from "../../ports/provider-objects.ts";
import { isObjectId } from "../../wire/openai-files/index.ts";
import { commonHeaders } from "../answering/headers.ts";
import { type KeepRecordPorts, keepRecord } from "../answering/list-models.ts";
import type { EndpointKind } from "../endpoints.ts";
import { maskResult } from "../guarding/guarded-operation.ts";
import { countInValue } from "../guarding/guarded-values.ts";
import { denial, guardsOf, noteVerdict } from "../guarding/guards.ts";
import type { Identified } from "../identify.ts";
import { notHere, ownerOf } from "../locate.ts";

export interface ListObjectsPorts extends KeepRecordPorts {
  objects: Pick<ProviderObjects, "page">;
  catalog(): Catalog;
}

/**
 * Files or batches of the caller's application, from what was remembered of them: no provider is asked,
 * whose own list would show everybody's. A batch stands as it was told last.
 */
export function createListObjects(ports: ListObjectsPorts) {
  return async function listObjects(caller: Identified): Promise<Response> {
    const { call, match } = caller;
    const kind = KINDS[match.endpoint.kind] ?? "file";
    const asked = queryOf(new URLSearchParams(call.arrival.query), kind);
    const query = { ...asked, apis: apisOf(caller, ports.catalog()) };
    const page = await ports.objects.page(ownerOf(caller), query);
    if (page === undefined) throw notHere(kind, query.after ?? "", AFTER[kind]);
    // What comes before an object is looked for from there on, and told newest first like everything else.
    const shown = asked.backwards ? page.objects.toReversed() : page.objects;
    const data = shown.map((object) => guarded(object, caller, ports.catalog()));
    const edges = { first_id: shown[0]?.id ?? null, last_id: shown.at(-1)?.id ?? null, has_more: page.more };
    const body = JSON.stringify(kind === "message-batch" ? { data, ...edges } : { object: "list", data, ...edges });
    await keepRecord(call, ports);
    call.end();
    const headers = { ...commonHeaders(call), "content-type": "application/json", "cache-control": "no-store" };
    return new Response(body, { headers });
  };
}

/** Responses are in no list: providers have none of them either. */
type Listed = Exclude<ObjectKind, "response">;

const KINDS: Readonly<Partial<Record<EndpointKind, Listed>>> = {
  files: "file",
  batches: "batch",
  "message-batches": "message-batch",
};

/** The APIs that the caller may call now; what was made by another is not shown. */
function apisOf({ principal, match }: Identified, catalog: Catalog): string[] {
  // Test keys reach test providers only, and those keep nothing.
  if (principal.key.mode === "test") return [];
  return principal.subscriptions.flatMap(({ api, state }) => {
    const known = catalog.apis.get(api);
    const callable = state === "approved" && known !== undefined && isCallable(known.stage);
    return callable && (match.api === null || match.api === api) ? api : [];
  });
}

/** The providers' own bounds and names. */
const MOST = { file: 10_000, batch: 100, "message-batch": 1_000 } as const;
const USUAL = { file: 1_000, batch: 20, "message-batch": 20 } as const;
const AFTER = { file: "after", batch: "after", "message-batch": "after_id" } as const;
const KNOWN: Readonly<Record<Listed, readonly string[]>> = {
  file: ["after", "limit", "order", "purpose", "api-version"],
  batch: ["after", "limit", "api-version"],
  "message-batch": ["after_id", "before_id", "limit", "beta"],
};

type Asked = Omit<ObjectQuery, "apis"> & { backwards: boolean };

function queryOf(given: URLSearchParams, kind: Listed): Asked {
  for (const name of given.keys()) {
    if (!KNOWN[kind].includes(name)) throw refused(name.slice(0, 100), "is not taken here");
  }
  const limit = given.get("limit") ?? String(USUAL[kind]);
  if (!/^\d{1,5}$/.test(limit) || Number(limit) < 1 || Number(limit) > MOST[kind]) {
    throw refused("limit", `must be a whole number from 1 to ${MOST[kind]}`);
  }
  const order = given.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw refused("order", "must be asc or desc");
  const before = given.get("before_id");
  const after = before ?? given.get(AFTER[kind]);
  if (before !== null && given.has(AFTER[kind])) throw refused("before_id", "must not stand beside after_id");
  if (after !== null && !isObjectId(after)) throw notHere(kind, after, before === null ? AFTER[kind] : "before_id");
  const purpose = given.get("purpose");
  return {
    kind,
    oldestFirst: order === "asc" || before !== null,
    backwards: before !== null,
    limit: Number(limit),
    ...(after === null ? {} : { after }),
    ...(purpose === null ? {} : { purpose: purpose.slice(0, 100) }),
  };
}

/** As it would be told if it were asked for alone, by its API's guards as they are now. */
function guarded(object: ProviderObject, { call }: Identified, catalog: Catalog): JsonObject {
  const api = catalog.apis.get(object.api)!;
  let told = object.told;
  for (const guard of guardsOf({ api, catalog }, "output")) {
    const { verdicts } = call.observed;
    if (guard.rule.action === "deny") {
      const found = countInValue(told, guard.matcher);
      noteVerdict(verdicts, guard, "output", found);
      if (found > 0) throw denial(guard, "output");
      continue;
    }
    const mark = maskFor(guard.rule.name, guard.matcher);
    const clean = (text: string) => {
      const masked = maskReadings(text, guard.matcher, mark);
      noteVerdict(verdicts, guard, "output", masked.count);
      return masked.text;
    };
    const result = maskResult({ kind: "body", mediaType: "application/json", content: { json: told } }, clean);
    if (result.kind === "body" && "json" in result.content) told = result.content.json as JsonObject;
  }
  return told;
}

function refused(field: string, must: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${must}.`, { param: field });
}

import type { Api, Catalog } from "../../domain/catalog/catalog.ts";
import { PREVIOUS_RESPONSE } from "../../domain/catalog/stored-state.ts";
import { GatewayError } from "../../errors.ts";
import type { ObjectKind } from "../../ports/provider-objects.ts";
import { kindOf, type Located, notHere } from "../locate.ts";
import { judgedUnder } from "./judged-under.ts";

/**
 * @param keeps whether a provider of the model keeps responses
 * @throws GatewayError where something of the request lies at a provider that this API does not let be used now
 */
export function checkObjects({ request, objects }: Located, api: Api, catalog: Catalog, keepsAny: () => boolean): void {
  const { own, missing, foreign } = objects;
  const [first] = missing;
  if (first !== undefined && (foreign > 0 || api.storedState !== true)) {
    // Whose it is says nothing then, so nothing is told of that.
    const response = missing.find(({ kind }) => kind === "response");
    if (response !== undefined && !keepsAny()) throw keepsNone(response.field);
    throw notHere(first.kind, first.id, first.field, HINTS[first.kind]);
  }
  if (request.extra?.background === true && api.parameters?.store === false) {
    throw new GatewayError(
      "parameter_not_allowed",
      "This API lets nothing be kept at a provider, so it takes no background: what is fetched later has to be kept.",
      { param: "background" },
    );
  }
  const { operation } = request;
  const keeps = operation?.type === "object" && KEEPS.has(operation.name);
  if (keeps && api.parameters?.store === false) {
    throw new GatewayError(
      "parameter_not_allowed",
      "This API lets nothing be kept at a provider, so it takes no files.",
    );
  }
  const resumes = operation?.type === "object" && operation.fields.starting_after !== undefined;
  if (resumes && api.guardrails.some((name) => catalog.guardrails.get(name)?.direction !== "input")) {
    throw new GatewayError(
      "parameter_not_allowed",
      "This API's guards read an answer from its beginning, so it takes no starting_after: read the stream from there.",
      { param: "starting_after" },
    );
  }
  // What is only fetched, stopped or deleted goes no further.
  if (operation?.type === "object" && operation.id !== undefined) return;
  const mark = own.length === 0 ? null : judgedUnder(api, catalog);
  const stale = own.find(({ judged }) => judged !== mark);
  if (stale === undefined) return;
  if (stale.kind === "response") {
    const why = "was made when this API had other guards or another policy: send the whole conversation";
    const param = PREVIOUS_RESPONSE;
    throw new GatewayError("invalid_request", `${param} ${JSON.stringify(stale.id)} ${why}.`, { param });
  }
  const why =
    stale.judged === null
      ? "comes from a batch, and no guard of this API has read it as a prompt: send its content"
      : "was uploaded when this API had other guards or another policy: upload it again";
  const param = operation?.type === "object" && operation.name === "batches.create" ? "input_file_id" : "file_id";
  throw new GatewayError("invalid_request", `${param} ${JSON.stringify(stale.id)} ${why}.`, { param });
}

/** Whether it is another's or nobody's, the answer is this. */
const HINTS: Readonly<Partial<Record<ObjectKind, string>>> = {
  file: " Upload it here, or send the content itself.",
  response: " Send the whole conversation in input.",
};

/** What providers without state are asked would be answered without what came before. */
function keepsNone(field: string): GatewayError {
  return new GatewayError(
    "unsupported_feature",
    `${field}: no provider of this model keeps responses; send the whole conversation in input.`,
    { param: field },
  );
}

const KEEPS: ReadonlySet<string> = new Set(["files.create", "batches.create"]);

/** For an id that is the caller's, where its model is not any more: the caller named none. */
export function missing({ request }: Located): GatewayError | undefined {
  const { operation } = request;
  if (operation?.type === "object" && operation.id !== undefined) {
    return notHere(kindOf(request), operation.id, null);
  }
  return undefined;
}

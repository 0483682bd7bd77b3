import type { AccountOptions, ProviderAdapter, UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { API_OPTION, chatAdapter, isAskedByResponses } from "../openai/adapter.ts";
import { OPENAI_CAPABILITIES } from "../openai/index.ts";
import { OPENAI_OPERATIONS } from "../openai/operations/index.ts";
import { OPENAI_QUIRKS } from "../openai/quirks.ts";
import { responsesAdapter } from "../openai/responses/adapter.ts";

/**
 * OpenAI's models on Azure (https://learn.microsoft.com/azure/ai-foundry/openai/reference). The
 * account's base URL is its endpoint, and the name of a model is the name of its deployment.
 */
const chatOfOpenai = chatAdapter({
  kind: "azure-openai",
  baseUrl: null,
  needsKey: true,
  capabilities: OPENAI_CAPABILITIES,
  quirks: OPENAI_QUIRKS,
  // Deployments have names of their own.
  models: [],
});

/** An API of OpenAI's at Azure's addresses. */
function atAzure<T extends Pick<ProviderAdapter, "encode">>(api: T): T {
  return {
    ...api,
    encode: (request: ModelRequest, model: string, options?: AccountOptions) =>
      addressed(api.encode(request, model, options), model, options ?? {}),
  };
}

/** An adapter of OpenAI's with Azure's addresses and keys. */
function onAzure(adapter: ProviderAdapter): ProviderAdapter {
  return {
    ...atAzure(adapter),
    options: {
      api: API_OPTION,
      apiVersion: {
        description:
          "Version of Azure's API. A date, such as 2024-10-21: deployments stand in the path. `v1`, as where it is absent, or `preview`: the paths are OpenAI's own.",
        required: false,
        pattern: /v1|preview|\d{4}-\d{2}-\d{2}(?:-preview)?/,
      },
    },
    // A client secret of Entra's is traded for a token; a key of the resource is shown.
    credential: (key) => ({ "api-key": key }),
    authorization: (key) => (key.trimStart().startsWith("{") ? "entra-access-token" : null),
  };
}

/** Deployments are usually called by their models. */
const COMPLETES = /instruct|davinci|babbage/;

function operationsAtAzure(): NonNullable<ProviderAdapter["operations"]> {
  const apis = Object.entries(OPENAI_OPERATIONS).map(([name, api]) => {
    const serves = api.serves === undefined ? {} : { serves: (deployment: string) => COMPLETES.test(deployment) };
    return [name, { ...atAzure(api), ...serves }];
  });
  return Object.fromEntries(apis);
}

/** The same request, at Azure's address for it. */
function addressed(
  request: UpstreamRequest,
  deployment: string,
  { apiVersion = "v1" }: AccountOptions,
): UpstreamRequest {
  if (apiVersion === "v1") return { ...request, path: `/openai/v1${request.path}` };
  const query = `${request.path.includes("?") ? "&" : "?"}api-version=${apiVersion}`;
  if (apiVersion === "preview") return { ...request, path: `/openai/v1${request.path}${query}` };
  if (OF_RESOURCE.test(request.path)) return { ...request, path: `/openai${request.path}${query}` };
  const { model: _, ...body } = request.body;
  return { ...request, path: `/openai/deployments/${encodeURIComponent(deployment)}${request.path}${query}`, body };
}

/** What is the resource's, not a deployment's; Responses were made when deployments had already left the path. */
const OF_RESOURCE = /^\/(?:files|batches|responses)(?:[/?]|$)/;
/** The first version that has them. */
const RESPONSES_SINCE = "2025-03-01";

const chat = onAzure(chatOfOpenai);
const responses = onAzure(responsesAdapter(chatOfOpenai, OPENAI_QUIRKS));

export const azureOpenai: ProviderAdapter = {
  ...chat,
  operations: operationsAtAzure(),
  variant({ dialect }, deployment, options) {
    const { apiVersion = "v1" } = options;
    const has = !/^\d/.test(apiVersion) || apiVersion >= RESPONSES_SINCE;
    return has && isAskedByResponses(BY_RESPONSES, dialect, deployment, options) ? responses : chat;
  },
};

/** What a deployment is called says nothing of its model. */
const BY_RESPONSES = { own: () => true };

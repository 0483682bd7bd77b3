import type { ProviderAdapter } from "../../spec/adapter.ts";
import { GEMINI_CAPABILITIES, googleAdapter } from "./adapter.ts";
import { countApi } from "./count.ts";
import { embedApi } from "./embed.ts";
import { EMBEDDING_MODELS, MODELS } from "./models.ts";
import { geminiModelPath } from "./request.ts";

const adapter = googleAdapter(
  {
    kind: "google",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    needsKey: true,
    capabilities: GEMINI_CAPABILITIES,
    credential: (key) => ({ "x-goog-api-key": key }),
    models: [...MODELS, ...EMBEDDING_MODELS],
    operations: { embed: embedApi, "count-tokens": countApi },
  },
  geminiModelPath,
);

/** The Gemini API (https://ai.google.dev/api), with a key of Google AI Studio's. */
export const google: ProviderAdapter = {
  ...adapter,
  encode(request, model, options) {
    const upstream = adapter.encode(request, model, options);
    // The log of the project; Vertex has no such field.
    return request.store === false ? { ...upstream, body: { ...upstream.body, store: false } } : upstream;
  },
};

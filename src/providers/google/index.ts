import { GEMINI_CAPABILITIES, googleAdapter } from "./adapter.ts";
import { MODELS } from "./models.ts";
import { geminiModelPath } from "./request.ts";

/** The Gemini API (https://ai.google.dev/api), with a key of Google AI Studio's. */
export const google = googleAdapter(
  {
    kind: "google",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    needsKey: true,
    capabilities: GEMINI_CAPABILITIES,
    credential: (key) => ({ "x-goog-api-key": key }),
    models: MODELS,
  },
  geminiModelPath,
);

import type { Json, JsonObject } from "../../kernel/json.ts";
import { isObject } from "../../kernel/json.ts";
import { UnsupportedFeature, type UpstreamRequest } from "../../spec/adapter.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { Losses } from "../losses.ts";
import { traitsOf } from "./models.ts";
import { generationConfig } from "./settings.ts";
import { responseFunction } from "./structured.ts";
import { writeTools } from "./tools.ts";
import { TurnsWriter } from "./turns.ts";

/** Where a model stands at one of Google's addresses, from `/models/{model}` on, without the method. */
export type ModelPath = (model: string) => string;

/**
 * `generateContent`, or `streamGenerateContent` with server-sent events: a JSON array of answers
 * cannot be told from one that was cut. @throws UnsupportedFeature
 */
export function encodeRequest(request: ModelRequest, model: string, pathOf: ModelPath): UpstreamRequest {
  const losses = new Losses(request.dialect === "gemini");
  const traits = traitsOf(model);
  const body: JsonObject = {};
  new TurnsWriter(traits, losses).write(request.messages, body);
  const response = responseFunction(request, traits);
  writeTools(request, response, losses, body);
  const config = generationConfig(request, traits, response !== undefined, losses);
  if (Object.keys(config).length > 0) body.generationConfig = config;
  writeTier(request, losses, body);
  if (request.endUser !== undefined) losses.warn("user", "Gemini is not told who the end user is; it was left out");
  losses.carryRequest(losses.own ? undotted(request.extra) : request.extra, body);
  const method = request.stream ? "streamGenerateContent?alt=sse" : "generateContent";
  return { method: "POST", path: `${pathOf(model)}:${method}`, headers: {}, body, warnings: losses.warnings };
}

const TIERS: Readonly<Record<string, string>> = {
  default: "standard",
  standard: "standard",
  standard_only: "standard",
  flex: "flex",
  priority: "priority",
};

function writeTier({ serviceTier }: ModelRequest, losses: Losses, body: JsonObject): void {
  if (serviceTier === undefined || (serviceTier === "auto" && !losses.own)) return;
  const tier = losses.own ? serviceTier : TIERS[serviceTier];
  if (tier !== undefined) body.serviceTier = tier;
  else losses.warn("service_tier", `Gemini has no tier ${serviceTier}; it was left out`);
}

/** The places in which the front keeps fields under a name with dots; longer ones first. */
const PLACES = [
  ["generationConfig", "thinkingConfig"],
  ["toolConfig", "functionCallingConfig"],
  ["generationConfig"],
  ["toolConfig"],
] as const;

/**
 * What the front kept under a name with dots goes back to where it stood: into one of these places,
 * and nowhere else. A name is the caller's, so it must never be a path.
 */
function undotted(extra: JsonObject | undefined): JsonObject | undefined {
  if (extra === undefined) return undefined;
  const written: JsonObject = {};
  for (const name of Object.keys(extra)) {
    const place = PLACES.find((steps) => name.startsWith(`${steps.join(".")}.`));
    const field = place === undefined ? name : name.slice(place.join(".").length + 1);
    if (field.includes(".") || field === "__proto__") {
      throw new UnsupportedFeature(name, "no field of Gemini's has this name");
    }
    let at = written;
    for (const step of place ?? []) {
      const inner: Json | undefined = Object.hasOwn(at, step) ? at[step] : undefined;
      const next: JsonObject = isObject(inner) ? inner : {};
      at[step] = next;
      at = next;
    }
    at[field] = extra[name]!;
  }
  return written;
}

/** Names may hold a collection (`tunedModels/x`), but nothing that leads elsewhere. */
const NAME = /^[A-Za-z0-9][\w.-]*$/;

/** The path of a model of the Gemini API. @throws UnsupportedFeature where the name cannot be one of Google's. */
export function geminiModelPath(model: string): string {
  const steps = model.split("/");
  if (steps.length > 2 || !steps.every((step) => NAME.test(step))) {
    throw new UnsupportedFeature("model", "this cannot be the name of a model of Google's");
  }
  return `/${steps.length === 1 ? "models/" : ""}${model}`;
}

import { isObject, type JsonObject } from "../../../kernel/json.ts";
import type { Usage } from "../../../spec/usage.ts";
import { withTier } from "../../served-tier.ts";
import { errorInside } from "../errors.ts";
import { readUsage } from "./usage.ts";

/** States of a response that it does not leave (https://platform.openai.com/docs/api-reference/responses/object). */
const ENDED: ReadonlySet<unknown> = new Set(["completed", "failed", "incomplete", "cancelled"]);

/**
 * What a kept response that has ended used; empty where it goes on, or does not say. One that failed and wrote
 * nothing, of which providers tell no usage, has used its prompt, which nobody tells (`input` is absent), or nothing
 * where the prompt was refused: as it is when a caller waits for it. One that was stopped may have thought and
 * written to its last moment, so what it does not tell is not nothing.
 */
export function usedByResponse(response: JsonObject): Partial<Usage>[] {
  const { object, status, output, error } = response;
  if (object !== "response" || !ENDED.has(status)) return [];
  const used = withTier(readUsage(response.usage), response.service_tier);
  const wrote = Array.isArray(output) && output.length > 0;
  // Servers that count nothing tell zeros.
  if (used?.input && used.output !== undefined && (used.output > 0 || !wrote)) return [used];
  if (status !== "failed" || wrote || used?.input || used?.output) return [];
  const { status: as } = isObject(error) ? errorInside(error) : { status: 502 };
  return [as >= 400 && as <= 499 ? { input: 0, output: 0 } : { output: 0 }];
}

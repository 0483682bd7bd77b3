import { isObject, type JsonObject } from "../../../kernel/json.ts";
import type { Usage } from "../../../spec/usage.ts";
import { readUsage } from "../responses/usage.ts";

/** States of a batch that it does not leave (https://platform.openai.com/docs/api-reference/batch/object). */
const ENDED: ReadonlySet<unknown> = new Set(["completed", "failed", "expired", "cancelled"]);

/**
 * What a batch that has ended used, all of its calls in one; nothing where none of them was answered. Empty where it
 * goes on, or does not say: batches of before September 2025, and of some lookalikes.
 */
export function usedByBatch({ object, status, usage, request_counts }: JsonObject): Usage[] {
  if (object !== "batch" || !ENDED.has(status)) return [];
  const answered = isObject(request_counts) ? request_counts.completed : undefined;
  const { input, output, ...parts } = readUsage(usage) ?? {};
  if (input !== undefined && output !== undefined && input > 0) return [{ ...parts, input, output }];
  return answered === 0 ? [{ input: 0, output: 0 }] : [];
}

import type { Guardrail } from "../../domain/catalog/catalog.ts";
import { compilePhrases, type PhraseMatcher } from "../../domain/guardrails/phrases.ts";
import { GatewayError } from "../../errors.ts";
import type { VerdictRecord } from "../../ports/records.ts";
import type { Grant } from "../authorize.ts";

/** A guardrail that is ready to judge. */
export interface Guard {
  rule: Guardrail;
  matcher: PhraseMatcher;
}

const compiled = new WeakMap<Guardrail, Guard>();

/**
 * The guards that an API puts in one direction, in the API's order.
 * @throws GatewayError internal when one that the API names is not there: a guard that cannot judge must not let pass.
 */
export function guardsOf(grant: Pick<Grant, "api" | "catalog">, direction: "input" | "output"): Guard[] {
  const guards: Guard[] = [];
  for (const name of grant.api.guardrails) {
    const rule = grant.catalog.guardrails.get(name);
    if (rule === undefined) {
      throw new GatewayError("internal", "The gateway failed to handle this call.", {
        internal: `guardrail ${name} is missing`,
      });
    }
    if (rule.direction !== direction && rule.direction !== "both") continue;
    let guard = compiled.get(rule);
    if (guard === undefined) {
      guard = { rule, matcher: compilePhrases(rule.phrases) };
      compiled.set(rule, guard);
    }
    guards.push(guard);
  }
  return guards;
}

/** Puts what a guard found on the record: how many places, never which text. */
export function noteVerdict(
  verdicts: VerdictRecord[],
  guard: Guard,
  direction: "input" | "output",
  count: number,
): void {
  const action = count === 0 ? "allow" : guard.rule.action;
  const known = verdicts.find((verdict) => verdict.guardrail === guard.rule.name && verdict.direction === direction);
  if (known === undefined) verdicts.push({ guardrail: guard.rule.name, direction, action, count });
  else if (count > 0) {
    known.count += count;
    known.action = action;
  }
}

export function denial(guard: Guard, direction: "input" | "output"): GatewayError {
  const what = direction === "input" ? "prompt" : "answer";
  return new GatewayError("guardrail_blocked", `The ${what} was refused by the guardrail "${guard.rule.name}".`);
}

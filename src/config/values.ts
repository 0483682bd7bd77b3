import { z } from "zod";
import { MEMBER_ROLES } from "../domain/access/permissions.ts";
import { MAX_MODEL_NAME } from "../kernel/bounds.ts";
import { NANO_PER_USD } from "../kernel/money.ts";
import { parseNetwork } from "./network.ts";
import { Refusal } from "./problem.ts";

/**
 * A schema whose text must pass a parser. The parser's Refusal becomes the field's message;
 * the value stays text, so that the document is what its author wrote.
 */
function text(parse: (text: string) => unknown): z.ZodString {
  return z.string().superRefine((value, context) => {
    try {
      parse(value);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });
}

function matching(pattern: RegExp, message: string): z.ZodString {
  return z.string().regex(pattern, { error: message });
}

/** Name of a provider account, plan or guardrail: it stands in headers, logs and scopes. */
export const identifier = () =>
  matching(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    "must be 1 to 64 letters, digits, dots, hyphens or underscores, and begin with a letter or digit",
  );

/** Name of a tenant, team, application or key, as people write it. `/` separates such names in the audit log. */
export const title = () =>
  matching(
    /^(?![\s])[^\p{Cc}\p{Cf}/]{1,100}(?<!\s)$/u,
    "must be 1 to 100 characters without slashes or control characters, and neither begin nor end with a space",
  );

const MODEL = new RegExp(`^[^\\s\\p{C}]{1,${MAX_MODEL_NAME}}$`, "u");

/** A model's name among callers; only its last character may be `*`. */
export const modelName = () =>
  text((value) => {
    if (!MODEL.test(value)) throw new Refusal(`must be 1 to ${MAX_MODEL_NAME} characters without spaces`);
    if (value.slice(0, -1).includes("*")) throw new Refusal("may have a * only as its last character");
  });

/** A model's name at its provider; one `*` may stand for what the star of the caller's name matched. */
export const targetName = () =>
  text((value) => {
    if (!MODEL.test(value)) throw new Refusal(`must be 1 to ${MAX_MODEL_NAME} characters without spaces`);
    if (value.split("*").length > 2) throw new Refusal("may have only one *");
  });

export const slug = () =>
  matching(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 lower-case letters, digits or hyphens: it stands in paths");

export const version = () =>
  matching(
    /^[a-z0-9][a-z0-9._-]{0,31}$/,
    "must be 1 to 32 lower-case letters, digits, dots, hyphens or underscores: it stands in paths",
  );

/** A misspelt role would be kept, and grant nothing, without a word. */
export const role = () => z.enum(MEMBER_ROLES);

export const email = () => z.email({ error: "must be an e-mail address" }).max(254);

/** Whether the pattern matches the whole value. */
export function isWholly(value: string, pattern: RegExp): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(value);
}

/** An http or https URL in which nothing is hidden. @throws Refusal */
export function parseBaseUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new Refusal("must be an http or https URL");
  if (url.username !== "" || url.password !== "") throw new Refusal("must not hold credentials; use apiKey");
  if (url.search !== "" || value.includes("?")) throw new Refusal("must not have a query");
  if (value.includes("#")) throw new Refusal("must not have a fragment");
  if (/\s/.test(value)) throw new Refusal("must not have spaces");
  return url.href.replace(/\/+$/, "");
}

export const baseUrl = () => text(parseBaseUrl);

export const network = () => text(parseNetwork);

/** `2027-01-01` (its first moment, UTC) or `2027-01-01T12:00:00Z`, milliseconds since 1970. @throws Refusal */
export function parseInstant(value: string): number {
  const day = z.iso.date().safeParse(value).success;
  const moment = z.iso.datetime({ offset: true }).safeParse(value).success;
  if (!day && !moment) throw new Refusal("must be a date such as 2027-01-01, or a time such as 2027-01-01T12:00:00Z");
  return Date.parse(value);
}

export const instant = () => text(parseInstant);

/** Dollars as nano-dollars. @throws Refusal where they are not a whole number of them, or too many to count exactly. */
export function parseUsd(usd: number): number {
  const nano = Math.round(usd * NANO_PER_USD);
  if (!Number.isSafeInteger(nano))
    throw new Refusal(`must be at most ${Math.floor(Number.MAX_SAFE_INTEGER / NANO_PER_USD)}`);
  if (nano < 1 || Math.abs(nano / NANO_PER_USD - usd) > Number.EPSILON * usd) {
    throw new Refusal("must be more than 0 and have at most 9 decimals");
  }
  return nano;
}

export const usd = () =>
  z.number().superRefine((value, context) => {
    try {
      parseUsd(value);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });

/** How many of something a limit admits. */
export const count = () => z.int().min(1);

/** US dollars per million tokens. The dearest model there is costs some hundreds. */
export const rate = () => z.number().min(0).max(1_000_000);

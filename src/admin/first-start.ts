import { mintVirtualKey } from "../domain/access/virtual-key.ts";
import type { Clock } from "../kernel/clock.ts";
import { type RandomBytes, randomText } from "../kernel/id.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Administration, DesiredState } from "../ports/administration.ts";
import { tokenDigest, tokenVerifier, type VerifyToken } from "./authenticate.ts";

const ADMIN_TOKEN_SETTING = "admin-token-digest";
/** When this installation was first started; what a first start makes is made once. */
const STARTED_SETTING = "first-started-at";
export const SYSTEM = { kind: "system", id: "start" } as const;

type Settings = Pick<Administration, "setting" | "setSetting">;

/** The bootstrap administrator's token: the operator's, or one that is made and told once. */
export interface BootstrapToken {
  verify: VerifyToken;
  /** One that was made just now, and what keeps it once it has been told. */
  made: { text: string; keep(): Promise<void> } | null;
}

/** @param given by the operator; undefined: the one that this installation has, or will have. */
export async function bootstrapToken(
  settings: Settings,
  pepper: Uint8Array,
  given: Secret<string> | undefined,
  random: RandomBytes,
): Promise<BootstrapToken> {
  const known = given === undefined ? await settings.setting(ADMIN_TOKEN_SETTING) : tokenDigest(pepper, given.reveal());
  if (known !== undefined) return { verify: tokenVerifier(pepper, known), made: null };
  const text = `spa_${randomText(random, 40)}`;
  const digest = tokenDigest(pepper, text);
  return {
    verify: tokenVerifier(pepper, digest),
    made: { text, keep: () => settings.setSetting(ADMIN_TOKEN_SETTING, digest) },
  };
}

export async function isFirstStart(settings: Settings): Promise<boolean> {
  return (await settings.setting(STARTED_SETTING)) === undefined;
}

/** To be called when everything has been told: whoever could not see it, because the start was broken off, sees it at the next. */
export async function rememberStart(settings: Settings, clock: Clock): Promise<void> {
  await settings.setSetting(STARTED_SETTING, new Date(clock.now()).toISOString());
}

/**
 * Makes what a newcomer needs: the directory of an installation that nobody has configured,
 * and a key for its application.
 * @returns the key, which nothing keeps.
 */
export async function makeFirstThings(
  administration: Administration,
  desired: DesiredState,
  digest: (key: string) => string,
  { clock, random }: { clock: Clock; random: RandomBytes },
): Promise<string> {
  const first = { action: "first-start", subject: "installation", tenantId: null, detail: {} };
  await administration.change(SYSTEM, first, (writer) => writer.apply(desired));
  const application = (await administration.applications())[0]!;
  const key = mintVirtualKey("live", random);
  const row = {
    id: key.publicId,
    tenantId: application.tenant.id,
    applicationId: application.id,
    name: "first key",
    mode: key.mode,
    createdAt: clock.now(),
    expiresAt: null,
    revokedAt: null,
    allowFrom: [],
  };
  const create = { action: "key.create", subject: `key:${key.publicId}`, tenantId: application.tenant.id, detail: {} };
  await administration.change(SYSTEM, create, (writer) => writer.createKey(row, digest(key.text)));
  return key.text;
}

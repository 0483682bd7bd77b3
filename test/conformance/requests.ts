import { isObject, type JsonObject } from "../../src/kernel/json.ts";
import { askedOtherwise } from "../support/fidelity-requests.ts";
import { type Digests, type Exchange, parallelRecordings } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import { FRONTS, type Front } from "./fronts.ts";
import type { House } from "./house.ts";
import { APIS, accountOf, type ReplayAccount, rowOfExchange } from "./replay.ts";

/** What of a request must be the same: method B of the recordings' own page. */
const FIELDS = ["system", "turns", "tools", "choice"] as const;

/** Recorded APIs whose requests the digest reads. */
const JUDGED = APIS.filter((api) => api !== "dashscope.native" && api !== "bedrock.invoke");

/** The model that a recorded request asks for. */
function modelOf({ request, model }: Exchange): string {
  const named = request?.json?.model;
  if (typeof named === "string") return named;
  const url = request?.url ?? "";
  const placed = /\/models?\/([^/:?]+)/.exec(url)?.[1];
  return placed === undefined ? model : decodeURIComponent(placed);
}

export interface Parallel {
  scenario: string;
  front: Front;
  /** Asked in the front's dialect. */
  asked: Exchange;
  /** What the same author asked there. */
  target: Exchange;
  account: ReplayAccount;
}

/**
 * Every recorded request of a front's dialect, beside every other provider of which the same author asked the same:
 * in another dialect, or in the same one.
 */
export function parallels(): Parallel[] {
  return parallelRecordings().flatMap(({ scenario, recordings }) => {
    const asking = recordings.filter(({ request }) => isObject(request?.json));
    return asking.flatMap((asked) => {
      const front = FRONTS.find(({ api }) => api === asked.api);
      if (front === undefined) return [];
      return asking.flatMap((target) => {
        const same = target.api === asked.api && target.provider === asked.provider;
        if (same || !JUDGED.some((api) => api === target.api)) return [];
        return [{ scenario, front, asked, target, account: accountOf(target) }];
      });
    });
  });
}

/** Method B: each of them through the gateway, compared with what the same author asked of the target. */
export async function compareRequests(
  house: House,
  pairs: readonly Parallel[],
  judge: Digests,
  figures: Figures,
): Promise<void> {
  for (const { scenario, front, asked, target, account } of pairs) {
    const stream = asked.request?.json?.stream === true || /stream/i.test(asked.request?.url ?? "");
    const got = await house.ask(front, `${account.name}/${modelOf(target)}`, asked.request!.json!, stream);
    const { found, alone } =
      house.sent === undefined
        ? { found: [`refused: ${got.text.slice(0, 200)}`], alone: ["refused"] }
        : unlike(target, textOf(house.sent.body), judge);
    const row = askedOtherwise(scenario, asked.api, target.api);
    figures.count(["B", rowOfExchange(target), front.name], {
      name: `${scenario} (${asked.provider} → ${target.provider})`,
      genuine: true,
      found,
      alone,
      because: row?.because,
      taste: row?.taste === true,
    });
  }
}

const textOf = (body: string | Uint8Array) => (typeof body === "string" ? body : new TextDecoder().decode(body));

/** What is asked otherwise, and (`alone`) which fields of the digests differ to the letter. */
function unlike({ api, request }: Exchange, sent: string, judge: Digests): { found: string[]; alone: string[] } {
  const want = judge.reqDigest({ api, request: { json: request!.json } });
  const got = judge.reqDigest({ api, request: { json: JSON.parse(sent) as JsonObject } });
  const differing = () => FIELDS.filter((field) => !Bun.deepEquals(want[field], got[field]));
  const alone = differing();
  // Without a word, the choice is the model's.
  for (const digest of [want, got]) digest.choice ??= "auto";
  const found = differing().map((field) => {
    return `${field}: want ${JSON.stringify(want[field])?.slice(0, 700)} got ${JSON.stringify(got[field])?.slice(0, 700)}`;
  });
  return { found, alone };
}

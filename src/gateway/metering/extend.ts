import type { Meter, MeterView } from "../../ports/meter.ts";
import { draftRecord } from "../record.ts";
import type { Hold } from "../reserve.ts";
import { furtherDemandOf, grownDemandOf } from "./demand.ts";
import type { Thresholds } from "./thresholds.ts";
import type { Worst } from "./worst.ts";

export interface ExtendPorts {
  meter: Pick<Meter, "extend"> & Pick<MeterView, "usage">;
  thresholds: Pick<Thresholds, "afterMore">;
}

/**
 * Reserves for one target more, where earlier ones may charge as well: a call that falls back, retries
 * or hedges can cost several times the worst case of one, and the limits hold for all of it.
 * @param account name of the provider account that is asked next
 * @returns whether the limits allow it.
 */
export function extend(hold: Hold, account: string, ports: ExtendPorts): Promise<boolean> {
  return inTurn(hold, () => further(hold, account, ports));
}

async function further(hold: Hold, account: string, ports: ExtendPorts): Promise<boolean> {
  const { grant, worst, asked } = hold;
  const again = asked.findLast(({ target }) => target.account.name === account)?.target;
  const scopes = furtherDemandOf(grant, worst, again === undefined ? null : account);
  // One that is still asked may not have been sent its question yet, and be sent it while the next one is asked.
  const owed = asked.some(({ owed, attempt }) => owed || attempt.error === null);
  const limited = scopes.filter(({ limits }) => limits.length > 0);
  if (limited.length === 0 || (!owed && again === undefined)) return true;
  const times = hold.reserved + 1;
  const twice = again === undefined ? hold.again : [...hold.again, again];
  const admitted = await ports.meter.extend(hold.number, scopes, draftRecord(grant.call, worst, times, twice));
  ports.thresholds.afterMore(limited, admitted, grant.caller.principal, ports.meter);
  if (admitted) {
    hold.reserved = times;
    hold.again = twice;
  }
  return admitted;
}

/**
 * Reserves what a call needs more than was held for it: for masks, before any target is asked, or for an answer
 * that is longer than its bound. What was held for several targets stays a multiple of one.
 * @param worst what one target could use at most after all
 * @returns whether the limits allow it.
 */
export function extendTo(hold: Hold, worst: Worst, ports: ExtendPorts): Promise<boolean> {
  return inTurn(hold, () => grown(hold, worst, ports));
}

async function grown(hold: Hold, worst: Worst, ports: ExtendPorts): Promise<boolean> {
  const { grant, worst: held, reserved, again, open } = hold;
  const most = {
    input: Math.max(held.input, worst.input),
    output: Math.max(held.output, worst.output),
    usd: Math.max(held.usd, worst.usd),
  };
  const more = { input: most.input - held.input, output: most.output - held.output, usd: most.usd - held.usd };
  if (more.input + more.output + more.usd === 0) return true;
  const repeated = again.map(({ account }) => account.name);
  const scopes = grownDemandOf(grant, more, open, reserved, repeated);
  const admitted = await ports.meter.extend(hold.number, scopes, draftRecord(grant.call, most, reserved, again));
  ports.thresholds.afterMore(scopes, admitted, grant.caller.principal, ports.meter);
  if (admitted) hold.worst = most;
  return admitted;
}

/**
 * Each reads what is held and adds to it: of two at the same moment (a hedged target, and an answer that outgrows its
 * bound) the second must see what the first has added, or what is held would be short of it.
 */
function inTurn(hold: Hold, act: () => Promise<boolean>): Promise<boolean> {
  const turn = hold.extending.then(act, act);
  hold.extending = turn;
  return turn;
}

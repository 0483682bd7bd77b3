import type { TargetHealth } from "./health.ts";
import { weightedOrder } from "./weighted-order.ts";

/** How the targets of a model are chosen. */
export type Strategy = "weighted" | "listed" | "least-latency" | "cheapest";

/** One target that may serve a call. */
export interface Candidate {
  weight: number;
  /** Name of the target; equal for equal targets. */
  key: string;
  health: TargetHealth;
  /** What this call could cost there, in nano-dollars; undefined where there is no price. */
  cost: number | undefined;
}

/** What a call brings to the choice. */
export interface Choosing {
  strategy: Strategy;
  /** What stays the same over a conversation; null where stickiness is not wanted. */
  conversation: string | null;
  stream: boolean;
  now: number;
  /** From 0 inclusive to 1 exclusive. */
  random: () => number;
}

/**
 * The order in which to ask the targets of a model. Those that are given up for now are left
 * out, for asking them costs the caller time and the provider a storm; where all of them are,
 * the one that opens first is asked alone, so there is always one.
 */
export function order<T extends Candidate>(targets: readonly T[], fallbacks: readonly T[], choosing: Choosing): T[] {
  const all = [...eased(choose(targets, choosing), choosing), ...fallbacks];
  if (all.length < 2) return all;
  const { now } = choosing;
  const asked = all.filter(({ health }) => health.admits(now) !== "no");
  if (asked.length > 0) return asked;
  return [all.reduce((first, target) => (target.health.opensAt < first.health.opensAt ? target : first))];
}

function choose<T extends Candidate>(targets: readonly T[], choosing: Choosing): T[] {
  const { strategy, conversation, now, stream, random } = choosing;
  if (conversation !== null) return stickyOrder(targets, conversation);
  switch (strategy) {
    case "weighted":
      return weightedOrder(targets, random);
    case "listed":
      return [...targets];
    case "least-latency":
      return ranked(targets, (target) => (target.health.latency(now, stream) / target.weight) * (1 + random() * TIE));
    case "cheapest":
      return ranked(targets, (target) => target.cost ?? Number.POSITIVE_INFINITY);
  }
}

/** So near are equals: they take turns. */
const TIE = 0.01;

/** A target that has come back is first for a small share of its calls, which grows: it must not be flooded at once. */
function eased<T extends Candidate>(targets: T[], { now, random }: Choosing): T[] {
  const share = targets[0]?.health.share(now) ?? 1;
  if (targets.length < 2 || share === 1 || random() < share) return targets;
  return [...targets.slice(1), targets[0]!];
}

function ranked<T>(targets: readonly T[], measure: (target: T) => number): T[] {
  return targets
    .map((target) => ({ target, by: measure(target) }))
    .sort((a, b) => (a.by === b.by ? 0 : a.by - b.by))
    .map(({ target }) => target);
}

/**
 * Weighted rendezvous hashing: each conversation ranks the targets in its own way, in shares
 * that follow the weights. A target that goes away moves its own conversations only.
 */
export function stickyOrder<T extends Candidate>(targets: readonly T[], conversation: string): T[] {
  return ranked(targets, (target) => -Math.log(unit(`${conversation}\n${target.key}`)) / target.weight);
}

/** A number above 0 and below 1 from a text, evenly spread (FNV-1a with MurmurHash3's finish). */
function unit(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}

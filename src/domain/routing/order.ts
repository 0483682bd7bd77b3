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

/**
 * The order in which to ask the targets of a model. Those that are given up for now are left
 * out, for asking them costs the caller time and the provider a storm; where all of them are,
 * the one that opens first is asked alone, so there is always one.
 * @param conversation what stays the same over a conversation; null where stickiness is not wanted.
 * @param random from 0 inclusive to 1 exclusive.
 */
export function order<T extends Candidate>(
  targets: readonly T[],
  fallbacks: readonly T[],
  strategy: Strategy,
  conversation: string | null,
  now: number,
  random: () => number,
): T[] {
  const chosen = conversation === null ? choose(targets, strategy, now, random) : stickyOrder(targets, conversation);
  const all = [...chosen, ...fallbacks];
  if (all.length < 2) return all;
  const asked: T[] = [];
  for (const target of all) {
    const admits = target.health.admits(now);
    // A probe that fails must have another target behind it, and one that is slow costs one caller only.
    if (admits !== "no") asked.push(target);
  }
  if (asked.length > 0) return asked;
  return [all.reduce((first, target) => (target.health.opensAt < first.health.opensAt ? target : first))];
}

function choose<T extends Candidate>(
  targets: readonly T[],
  strategy: Strategy,
  now: number,
  random: () => number,
): T[] {
  switch (strategy) {
    case "weighted":
      return weightedOrder(
        targets.map((target) => ({ target, weight: target.weight * target.health.share(now) })),
        random,
      ).map(({ target }) => target);
    case "listed":
      return [...targets];
    case "least-latency":
      return ranked(targets, (target) => target.health.latency(now) / target.weight);
    case "cheapest":
      return ranked(targets, (target) => target.cost ?? Number.POSITIVE_INFINITY);
  }
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

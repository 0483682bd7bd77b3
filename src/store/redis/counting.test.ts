import { expect, test } from "bun:test";
import type { Ledger } from "../postgres/ledger.ts";
import type { LedgerAccounts } from "../postgres/ledger-accounts.ts";
import type { Node } from "../postgres/meter-node.ts";
import type { Question, RedisCounters } from "./counters.ts";
import { RedisCounting } from "./counting.ts";

/** Nodes by id, of which Redis has a Hold each whose row nobody has written, or somebody else is about to charge. */
function house(nodes: Set<number>, holding: () => number[]) {
  const given: string[] = [];
  const counters = {
    ask: async ({ op, hold }: Question) => {
      if (op === "settle") given.push(hold!);
      return op === "holds" ? ["ok", 1, 1, "0", holding().map((node) => [`${node}00`, `${node}`, "0"])] : ["ok", 1, 1];
    },
  } as unknown as RedisCounters;
  const ledger = { holdsOf: async () => [], closed: async () => new Map() } as unknown as Ledger;
  const counting = new RedisCounting(counters, ledger, {} as LedgerAccounts);
  counting.node = { id: 1, known: async () => new Set(nodes) } as unknown as Node;
  return { counting, given };
}

test("what dead and forgotten nodes have left in Redis alone is given back", async () => {
  const { counting, given } = house(new Set([1, 2]), () => [1, 2, 3]);
  await counting.recover([2]);
  expect(given).toEqual(["200", "300"]);
});

test("what a node took that joined meanwhile is not given back: its call runs", async () => {
  const nodes = new Set([1]);
  const { counting, given } = house(nodes, () => [...nodes.add(4)]);
  await counting.recover([]);
  expect(given).toEqual([]);
});

test("what a node took that another one has just declared dead is left to that one, who charges it", async () => {
  const { counting, given } = house(new Set([1, 5]), () => [1, 5]);
  await counting.recover([]);
  expect(given).toEqual([]);
});

import { loadDigests } from "../support/recordings.ts";
import { compareAnswers } from "./answers.ts";
import { compareFaults } from "./faults.ts";
import { Figures } from "./figures.ts";
import { FRONTS } from "./fronts.ts";
import { type Cuts, House } from "./house.ts";
import { compareRefusals } from "./refusals.ts";
import { compareCuts, compareRelays } from "./relay.ts";
import { playedExchanges, type ReplayAccount } from "./replay.ts";
import { compareRequests, parallels } from "./requests.ts";
import { compareSdks } from "./sdks.ts";
import { judgeForm, loadChecks } from "./specs.ts";

/** What is tried, and in which words the table says so. E needs real clients: see test/real. */
export const METHODS = {
  A: "answers: what a caller is told is what the provider said",
  turned: "answers turned: the same to who asks for the whole of what was streamed, and for a stream of what was whole",
  B: "requests: what is asked of a provider is what the same author asked there",
  C: "relay: in one dialect on both sides, an answer arrives as it came, whole and cut at random",
  D: "clients: the official ones read with the gateway what they read without it, and what others said",
  cuts: "random chunkings: however the network cuts a stream, every caller is told the same",
  F: "form: what the gateway writes is allowed by the dialect's own specification",
  G: "errors: a refusal keeps its status, words and hints, in the caller's envelope",
} as const;

export type Method = keyof typeof METHODS;

export interface ConformanceOptions {
  methods?: readonly Method[];
  /** Of the random cuts. */
  seed: number;
  /** Told what is being tried. */
  say?: (line: string) => void;
}

/** Plays every recording through the whole gateway, to the callers of every front. */
export async function conform({ methods, seed, say = () => {} }: ConformanceOptions): Promise<Figures> {
  const wanted = new Set<Method>(methods ?? (Object.keys(METHODS) as Method[]));
  const judge = await loadDigests();
  const exchanges = playedExchanges();
  const answers = exchanges.filter(({ exchange }) => exchange.response.status === 200);
  const refusals = exchanges.filter(({ exchange }) => exchange.response.status >= 400);
  const pairs = parallels();
  const figures = new Figures();
  const accounts = [...exchanges.map(({ account }) => account), ...pairs.map(({ account }) => account)];
  const house = await House.open(distinct(accounts));
  const cuts = cutsOf(seed);
  try {
    if (wanted.has("A") || wanted.has("F")) {
      say(`A and F: ${answers.length} answers to ${FRONTS.length} fronts`);
      const checks = loadChecks();
      await compareAnswers(house, answers, judge, figures, {
        also: (played, front, got) => judgeForm(played, front, got, checks, figures),
      });
    }
    if (wanted.has("turned")) {
      say("A turned: streams to who asks for a whole, and the other way round");
      const turned = answers.map((played) => ({ ...played, stream: !played.stream }));
      await compareAnswers(house, turned, judge, figures, { method: "turned" });
    }
    if (wanted.has("B")) {
      say(`B: ${pairs.length} pairs of requests`);
      await compareRequests(house, pairs, judge, figures);
    }
    if (wanted.has("C")) {
      say("C: answers to callers of the provider's own dialect");
      await compareRelays(house, answers, judge, figures, cuts);
    }
    if (wanted.has("D")) {
      say("D: answers to the official clients");
      await compareSdks(house, answers, judge, figures);
    }
    if (wanted.has("cuts")) {
      say("random chunkings of every stream");
      await compareCuts(house, answers, judge, figures, cuts);
    }
    if (wanted.has("G")) {
      say(`G: ${refusals.length} refusals to ${FRONTS.length} fronts`);
      await compareRefusals(house, refusals, judge, figures);
      await compareFaults(house, judge, figures);
    }
  } finally {
    await house.close();
  }
  return figures;
}

function distinct(accounts: readonly ReplayAccount[]): ReplayAccount[] {
  return [...new Map(accounts.map((account) => [account.name, account])).values()];
}

/** Sizes of reads from 1 to 40 bytes, the same for the same seed. */
export function cutsOf(seed: number): Cuts {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 1 + Math.floor((state / 2 ** 32) * 40);
  };
}

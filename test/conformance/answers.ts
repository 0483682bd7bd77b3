import { digestOf, isSaidIn } from "../support/digests.ts";
import { answersListed } from "../support/fidelity-differences.ts";
import type { Digest, Digests } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import { FRONTS, type Front } from "./fronts.ts";
import type { Cuts, Got, House } from "./house.ts";
import { type Played, rowOf } from "./replay.ts";

/** What was lost on the way. */
export interface Losses {
  want: Digest;
  found: string[];
  /** By the recordings' digest and comparison alone, as somebody finds it who has nothing but their page. */
  alone: string[];
}

/** What of an answer's meaning a caller did not get: text, thoughts, calls, end and usage. */
export function losses(played: Played, front: Front, got: Got, judge: Digests): Losses {
  const { api, response } = played.judged;
  const { status, text } = got;
  const answer = played.stream && status === 200 ? { status, text } : { status, json: JSON.parse(text) as unknown };
  const want = digestOf(judge, api, response);
  const found = differences(played, judge, want, digestOf(judge, front.api, answer));
  const bare = judge.respDigest({ api, response });
  return {
    want,
    found,
    alone: judge.diff(bare, judge.respDigest({ api: front.api, response: answer })),
  };
}

function differences({ exchange }: Played, judge: Digests, want: Digest, told: Digest): string[] {
  // Thoughts that the digest finds in the answer only are none made up where the recording says them in other fields.
  const reasoning = want.reasoning !== "" || !isSaidIn(exchange, told.reasoning);
  // Where the provider told of an error, a caller must learn that, and whatever was said before it.
  const found =
    want.error === null
      ? judge.diff(want, told, { reasoning })
      : judge.diff({ ...want, finish: null, in: null, out: null, cached: null }, told);
  // Of the dialects only Responses tells by an error that an answer came to nothing.
  const cameToNothing = want.finish === "other" && told.finish === "other";
  if ((want.error === null) !== (told.error === null) && !cameToNothing)
    found.push(`error: ${JSON.stringify(told.error)?.slice(0, 150)}`);
  return found;
}

export interface AnswerOptions {
  method?: string;
  cuts?: Cuts;
  /** Told of everything that a caller got. */
  also?: (played: Played, front: Front, got: Got) => void;
}

/** Method A: every recorded answer, to the callers of every front. */
export async function compareAnswers(
  house: House,
  answers: readonly Played[],
  judge: Digests,
  figures: Figures,
  { method = "A", cuts, also }: AnswerOptions = {},
): Promise<void> {
  for (const played of answers) {
    for (const front of FRONTS) {
      const got = await house.answer(front, played, cuts);
      also?.(played, front, got);
      const { want, found, alone } = losses(played, front, got, judge);
      const { exchange } = played;
      const rows = answersListed(
        front.dialect,
        played.judged.api === "anthropic.messages" ? played.judged.api : exchange.api,
      );
      const because = rows.find((row) => row.applies({ exchange, want, found }))?.because;
      const name = `${exchange.name} (${exchange.provider})`;
      figures.count([method, rowOf(played), front.name], { name, genuine: exchange.genuine, found, because, alone });
    }
  }
}

import { RELAY_LISTED } from "../support/fidelity-differences.ts";
import { type Digests, framesOf } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import { FRONTS, type Front } from "./fronts.ts";
import type { Cuts, Got, House } from "./house.ts";
import { type Played, rowOf } from "./replay.ts";

/** The gateway's own comment before the end of a stream. */
const withoutTrailer = (text: string) => text.replace(/: sallyport \{.*\}\r?\n\r?\n/, "");

const linesOf = (text: string) => text.split("\n").filter((line) => line.trim() !== "");

/** What of an exchange did not reach a caller of its own dialect as it came. */
export function changes(played: Played, front: Front, { status, text }: Got): string[] {
  const { response } = played.judged;
  if (status !== 200) return [`status ${status}: ${text.slice(0, 120)}`];
  if (!played.stream) {
    // Numbers such as 1.0 are written in one way only.
    const want = JSON.parse(JSON.stringify(response.json)) as unknown;
    return Bun.deepEquals(JSON.parse(text), want) ? [] : [`another body: ${text.slice(0, 120)}`];
  }
  const recorded = response.text!;
  const got = withoutTrailer(text);
  if (got === recorded) return [];
  const lines = front.dialect === "ollama";
  const [was, is] = lines ? [linesOf(recorded), linesOf(got)] : [eventsOf(recorded, played), eventsOf(got, played)];
  if (Bun.deepEquals(was, is)) return [];
  const at = was.findIndex((frame, index) => !Bun.deepEquals(frame, is[index]));
  return [`${was.length} events, ${is.length} arrived; from ${at} on: ${JSON.stringify(is[at])?.slice(0, 120)}`];
}

/** Where the provider frames its events otherwise, what they say is all that can be equal. */
function eventsOf(text: string, { exchange }: Played): unknown[] {
  const frames = framesOf(text);
  return exchange.api === "bedrock.invoke" ? frames.map(({ data }) => JSON.parse(data) as unknown) : frames;
}

/** Method C: like dialects on both sides, every exchange arrives as it came, however the network cuts it. */
export async function compareRelays(
  house: House,
  answers: readonly Played[],
  judge: Digests,
  figures: Figures,
  cuts: Cuts,
): Promise<void> {
  for (const played of answers) {
    const { exchange, judged } = played;
    const front = FRONTS.find(({ api }) => api === judged.api && exchange.api !== "dashscope.native");
    // A list is a stream's answer to a client that this gateway never is.
    if (front === undefined || Array.isArray(judged.response.json)) continue;
    const want = judge.respDigest(judged);
    for (const [row, way] of [
      ["", undefined],
      [", cut", cuts],
    ] as const) {
      if (way !== undefined && !played.stream) continue;
      const found = changes(played, front, await house.answer(front, played, way));
      const because = RELAY_LISTED.find((each) => each.applies({ exchange, want, found }))?.because;
      const name = `${exchange.name} (${exchange.provider})`;
      figures.count(["C", `${rowOf(played)}${row}`, front.name], { name, genuine: exchange.genuine, found, because });
    }
  }
}

/** However the network cuts a stream, every caller is told the same as of the whole. */
export async function compareCuts(
  house: House,
  answers: readonly Played[],
  judge: Digests,
  figures: Figures,
  cuts: Cuts,
): Promise<void> {
  for (const played of answers) {
    if (!played.stream) continue;
    for (const front of FRONTS) {
      const ways = [await house.answer(front, played), await house.answer(front, played, cuts)];
      const [whole, cut] = ways.map(({ status, text }) =>
        judge.respDigest({
          api: front.api,
          response: status === 200 ? { status, text } : { status, json: JSON.parse(text) },
        }),
      );
      const found = judge.diff(whole!, cut!, { reasoning: true });
      if ((whole!.error === null) !== (cut!.error === null)) found.push(`error: ${JSON.stringify(cut!.error)}`);
      const { name, provider, genuine } = played.exchange;
      figures.count(["cuts", rowOf(played), front.name], { name: `${name} (${provider})`, genuine, found });
    }
  }
}

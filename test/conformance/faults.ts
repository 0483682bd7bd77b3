import type { Digests, Exchange } from "../support/recordings.ts";
import { type AwsMessage, awsEvent, awsException, encodeAwsMessages } from "../support/upstream/aws-event-stream.ts";
import type { Figures } from "./figures.ts";
import { FRONTS } from "./fronts.ts";
import type { House } from "./house.ts";
import { brokenEnd } from "./refusals.ts";
import { accountOf, type Played } from "./replay.ts";

/**
 * Errors of which there is no recording, written by hand after the providers' own pages: the ones that come in the
 * middle of a stream, and those of a provider that has no room.
 */
interface Fault {
  name: string;
  api: string;
  provider: string;
  status: number;
  /** The body, or the bytes of a stream. */
  body: string | Uint8Array;
  stream: boolean;
  /** What a caller must read of it. */
  words: string;
  /** The status that a caller is told where nothing has been sent yet. */
  told: number;
}

const sse = (...events: unknown[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
const aws = (...messages: AwsMessage[]) => encodeAwsMessages(messages);

const CHUNK = { id: "c1", object: "chat.completion.chunk", created: 1, model: "m" };
const SAID = { ...CHUNK, choices: [{ index: 0, delta: { role: "assistant", content: "Hel" }, finish_reason: null }] };
const FULL = "We have no room at the moment";

export const FAULTS: readonly Fault[] = [
  {
    name: "Anthropic is overloaded",
    api: "anthropic.messages",
    provider: "anthropic",
    status: 529,
    body: JSON.stringify({ type: "error", error: { type: "overloaded_error", message: FULL } }),
    stream: false,
    words: FULL,
    told: 503,
  },
  {
    name: "Gemini is unavailable",
    api: "gemini.generateContent",
    provider: "gemini",
    status: 503,
    body: JSON.stringify({ error: { code: 503, message: FULL, status: "UNAVAILABLE" } }),
    stream: false,
    words: FULL,
    told: 503,
  },
  {
    name: "Gemini is unavailable, doubly wrapped",
    api: "gemini.generateContent",
    provider: "gemini",
    status: 503,
    body: JSON.stringify({
      error: { code: 503, message: JSON.stringify({ error: { code: 503, message: FULL, status: "UNAVAILABLE" } }) },
    }),
    stream: false,
    words: FULL,
    told: 503,
  },
  {
    name: "OpenAI fails in mid-stream and says done",
    api: "openai.chat",
    provider: "openai",
    status: 200,
    body: `${sse(SAID, { error: { message: FULL, type: "server_error", code: null, param: null } })}data: [DONE]\n\n`,
    stream: true,
    words: FULL,
    told: 502,
  },
  {
    name: "OpenRouter fails in mid-stream beside empty choices",
    api: "openai.chat",
    provider: "openrouter",
    status: 200,
    body: `${sse(SAID, { ...CHUNK, choices: [], error: { message: FULL, code: 502 } })}data: [DONE]\n\n`,
    stream: true,
    words: FULL,
    told: 502,
  },
  {
    name: "Anthropic is overloaded in mid-stream",
    api: "anthropic.messages",
    provider: "anthropic",
    status: 200,
    body: `event: error\n${sse({ type: "error", error: { type: "overloaded_error", message: FULL } })}`,
    stream: true,
    words: FULL,
    told: 503,
  },
  {
    name: "DashScope throttles and calls it a quota",
    api: "openai.chat",
    provider: "dashscope",
    status: 429,
    body: JSON.stringify({ error: { message: FULL, type: "insufficient_quota", code: "insufficient_quota" } }),
    stream: false,
    words: FULL,
    told: 429,
  },
  {
    name: "Bedrock throttles in mid-stream",
    api: "bedrock.converse",
    provider: "bedrock",
    status: 200,
    body: aws(
      awsEvent("messageStart", { role: "assistant" }),
      awsEvent("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hel" } }),
      awsException("throttlingException", FULL),
    ),
    stream: true,
    words: FULL,
    told: 429,
  },
];

/** Plays every fault to the callers of every front: whole, and so that what came before has reached them. */
export async function compareFaults(house: House, judge: Digests, figures: Figures): Promise<void> {
  for (const fault of FAULTS) {
    for (const front of FRONTS) {
      for (const way of fault.stream ? [undefined, () => 40] : [undefined]) {
        const got = await house.answer(front, asPlayed(fault), way);
        const found = brokenEnd(front, got, fault.words, judge);
        if (got.status !== 200 && got.status !== fault.told) found.push(`status ${got.status}`);
        const row = "by hand";
        figures.count(["G", row, front.name], { name: fault.name, genuine: false, found });
      }
    }
  }
}

function asPlayed({ name, api, provider, status, body, stream }: Fault): Played {
  const response = { status, headers: {} };
  const exchange: Exchange = { name, api, provider, model: "m", genuine: false, response };
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const streamed = api.startsWith("bedrock.") ? "application/vnd.amazon.eventstream" : "text/event-stream";
  const contentType = stream ? streamed : "application/json";
  return { exchange, account: accountOf(exchange), stream, contentType, bytes, judged: { api, response } };
}

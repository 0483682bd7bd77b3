import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Mistral } from "@mistralai/mistralai";
import { HTTPClient } from "@mistralai/mistralai/lib/http.js";
import Groq from "groq-sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";
import type { Json } from "../../src/kernel/json.ts";
import { answersListed } from "../support/fidelity-differences.ts";
import { CLIENTS_REFUSE } from "../support/fidelity-forms.ts";
import type { Digest, Digests } from "../support/recordings.ts";
import type { Figures } from "./figures.ts";
import { FRONTS, type Front } from "./fronts.ts";
import type { House } from "./house.ts";
import { type Played, rowOf } from "./replay.ts";

/** What a client made of an answer. */
export interface Read {
  text: string;
  tools: { name: string; args: unknown }[];
}

/** Where a client's calls go. */
interface Line {
  fetch: (request: Request) => Promise<Response>;
  key: string;
  model: string;
  stream: boolean;
}

/** One of the providers' own clients. */
export interface Sdk {
  name: string;
  front: Front;
  /** Whether the provider of this exchange made it, or names it as its client. */
  isFor(played: Played): boolean;
  /** Throws what the client throws. */
  read(line: Line): Promise<Read>;
}

const HOST = "http://gateway.test";
const TURN = { role: "user" as const, content: "x" };

/** Clients take `fetch` in its older form. */
const fetchOf = ({ fetch }: Line) =>
  ((address: string | Request, init?: RequestInit) =>
    fetch(new Request(address as string, init))) as typeof globalThis.fetch;

/** What is no JSON is told as the digest tells it. */
function argumentsOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text || "{}") as Json;
  } catch {
    return { __unparsed: text };
  }
}

/** Pieces of calls, by their place. */
class Calls {
  readonly #calls = new Map<unknown, { name: string; text: string }>();

  add(place: unknown, name: string | undefined, text: string | undefined): void {
    const call = this.#calls.get(place) ?? { name: "", text: "" };
    this.#calls.set(place, { name: call.name || (name ?? ""), text: call.text + (text ?? "") });
  }

  get all(): Read["tools"] {
    return [...this.#calls.values()].map(({ name, text }) => ({ name, args: argumentsOf(text) }));
  }
}

type ChatChunks = AsyncIterable<{
  choices?: {
    index: number;
    delta: {
      content?: string | null;
      tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
    };
  }[];
}>;

/** OpenAI's client, and Groq's, which is its twin. */
async function readChat(answer: unknown, stream: boolean): Promise<Read> {
  if (!stream) {
    const { message } = (answer as OpenAI.ChatCompletion).choices[0]!;
    const tools = (message.tool_calls ?? []).flatMap((call) => {
      return call.type === "custom" ? [] : [{ name: call.function.name, args: argumentsOf(call.function.arguments) }];
    });
    return { text: contentOf(message.content), tools };
  }
  let text = "";
  let seen = 0;
  const calls = new Calls();
  for await (const chunk of answer as ChatChunks) {
    seen++;
    for (const { index, delta } of chunk.choices ?? []) {
      if ((index ?? 0) !== 0) continue;
      text += contentOf(delta?.content);
      for (const [at, call] of (delta?.tool_calls ?? []).entries()) {
        calls.add(call.index ?? `n${call.id ?? at}`, call.function?.name, call.function?.arguments);
      }
    }
  }
  if (seen === 0) throw new Error("0 events");
  return { text, tools: calls.all };
}

/** Mistral's lists of content reach OpenAI's client as they came. */
function contentOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((item: { type?: string; text?: string }) => (item.type === "text" ? (item.text ?? "") : ""))
    .join("");
}

async function readMistral({ fetch, key, model, stream }: Line): Promise<Read> {
  const httpClient = new HTTPClient({ fetcher: (input, init) => fetch(new Request(input, init)) });
  const client = new Mistral({ apiKey: key, serverURL: HOST, httpClient });
  const calls = new Calls();
  const places = new Map<number, string>();
  let text = "";
  type Message = {
    content?: unknown;
    toolCalls?:
      | { index?: number | undefined; id?: string | undefined; function: { name: string; arguments: unknown } }[]
      | null;
  };
  const take = ({ content, toolCalls }: Message) => {
    text += contentOf(content);
    for (const [at, call] of (toolCalls ?? []).entries()) {
      const given = call.function.arguments;
      const written = typeof given === "string" ? given : JSON.stringify(given);
      // Its client says index 0 and the id "null" where there are none.
      const index = call.index ?? at;
      if (call.id !== undefined && call.id !== "null") places.set(index, call.id);
      calls.add(places.get(index) ?? index, call.function.name, written);
    }
  };
  if (stream) {
    for await (const { data } of await client.chat.stream({ model, messages: [TURN] })) {
      for (const { index, delta } of data.choices) if (index === 0) take(delta as Message);
    }
  } else {
    const answer = await client.chat.complete({ model, messages: [TURN] });
    take(answer.choices![0]!.message as Message);
  }
  return { text, tools: calls.all };
}

async function readResponses(line: Line): Promise<Read> {
  const client = new OpenAI({ apiKey: line.key, baseURL: `${HOST}/v1`, fetch: fetchOf(line), maxRetries: 0 });
  const asked = { model: line.model, input: "x" };
  const answer = line.stream
    ? await client.responses.stream(asked).finalResponse()
    : await client.responses.create(asked);
  if (answer.error) throw new Error(answer.error.message);
  const tools = answer.output.flatMap((item) => {
    return item.type === "function_call" ? [{ name: item.name, args: argumentsOf(item.arguments) }] : [];
  });
  return { text: answer.output_text, tools };
}

async function readMessages(line: Line): Promise<Read> {
  const client = new Anthropic({ apiKey: line.key, baseURL: HOST, fetch: fetchOf(line), maxRetries: 0 });
  const asked = { model: line.model, max_tokens: 1_000, messages: [TURN] };
  const answer = line.stream ? await client.messages.stream(asked).finalMessage() : await client.messages.create(asked);
  return {
    text: answer.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    tools: answer.content.flatMap((block) => {
      return block.type === "tool_use" ? [{ name: block.name, args: block.input }] : [];
    }),
  };
}

/** Google's client knows the process's own `fetch` only, so it is lent. */
async function readGemini(line: Line): Promise<Read> {
  const client = new GoogleGenAI({ apiKey: line.key, httpOptions: { baseUrl: HOST } });
  const own = globalThis.fetch;
  globalThis.fetch = fetchOf(line);
  try {
    const asked = { model: line.model, contents: "x" };
    const answers = line.stream
      ? await Array.fromAsync(await client.models.generateContentStream(asked))
      : [await client.models.generateContent(asked)];
    const parts = answers.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
    return {
      text: parts.map(({ text, thought }) => (thought === true ? "" : (text ?? ""))).join(""),
      tools: parts.flatMap(({ functionCall: call }) => {
        return call?.name === undefined ? [] : [{ name: call.name, args: call.args ?? {} }];
      }),
    };
  } finally {
    globalThis.fetch = own;
  }
}

async function readOllama(line: Line): Promise<Read> {
  const headers = { authorization: `Bearer ${line.key}` };
  const client = new Ollama({ host: HOST, headers, fetch: fetchOf(line) });
  const asked = { model: line.model, messages: [TURN] };
  const answers = line.stream
    ? await Array.fromAsync(await client.chat({ ...asked, stream: true }))
    : [await client.chat({ ...asked, stream: false })];
  return {
    text: answers.map(({ message }) => message.content ?? "").join(""),
    tools: answers.flatMap(({ message }) => {
      return (message.tool_calls ?? []).map((call) => ({ name: call.function.name, args: call.function.arguments }));
    }),
  };
}

const frontOf = (api: string) => FRONTS.find((front) => front.api === api)!;
const chat = frontOf("openai.chat");

export const SDKS: readonly Sdk[] = [
  {
    name: "openai (chat)",
    front: chat,
    isFor: ({ exchange }) => exchange.api === "openai.chat" && !["mistral", "groq"].includes(exchange.provider),
    async read(line) {
      const client = new OpenAI({ apiKey: line.key, baseURL: `${HOST}/v1`, fetch: fetchOf(line), maxRetries: 0 });
      const { model, stream } = line;
      return readChat(await client.chat.completions.create({ model, messages: [TURN], stream }), stream);
    },
  },
  {
    name: "groq-sdk",
    front: chat,
    isFor: ({ exchange }) => exchange.api === "openai.chat" && exchange.provider === "groq",
    async read(line) {
      const client = new Groq({ apiKey: line.key, baseURL: HOST, fetch: fetchOf(line), maxRetries: 0 });
      const { model, stream } = line;
      return readChat(await client.chat.completions.create({ model, messages: [TURN], stream }), stream);
    },
  },
  {
    name: "mistralai",
    front: chat,
    isFor: ({ exchange }) => exchange.api === "openai.chat" && exchange.provider === "mistral",
    read: readMistral,
  },
  {
    name: "openai (responses)",
    front: frontOf("openai.responses"),
    isFor: ({ exchange }) => exchange.api === "openai.responses",
    read: readResponses,
  },
  {
    name: "anthropic",
    front: frontOf("anthropic.messages"),
    isFor: ({ judged }) => judged.api.startsWith("anthropic."),
    read: readMessages,
  },
  {
    name: "genai",
    front: frontOf("gemini.generateContent"),
    isFor: ({ exchange }) => exchange.api === "gemini.generateContent",
    read: readGemini,
  },
  {
    name: "ollama",
    front: frontOf("ollama.chat"),
    isFor: ({ exchange }) => exchange.api === "ollama.chat",
    read: readOllama,
  },
];

type Outcome = { read: Read } | { refused: string };

/** Mistral's client says in `pretty` what it did not find. */
function messageOf(thrown: unknown): string {
  const { pretty } = thrown as { pretty?: () => string };
  return `${thrown}${typeof pretty === "function" ? ` ${pretty.call(thrown)}` : ""}`;
}

async function outcomeOf(sdk: Sdk, line: Line): Promise<Outcome> {
  try {
    const { text, tools } = await sdk.read(line);
    return { read: { text, tools: tools.map(({ name, args }) => ({ name, args })) } };
  } catch (thrown) {
    return { refused: messageOf(thrown).slice(0, 300) };
  }
}

/** What the same client makes of the same answer without a gateway. */
function direct(sdk: Sdk, { bytes, contentType, stream, exchange }: Played): Promise<Outcome> {
  const headers = { "content-type": contentType };
  const fetch = async () =>
    new Response(bytes as Uint8Array<ArrayBuffer>, { status: exchange.response.status, headers });
  return outcomeOf(sdk, { fetch, key: "none", model: "m", stream });
}

/**
 * @param alone what the client made of it without a gateway, where it is the provider's own
 * @returns what the client lost by the gateway
 */
export function lostBy(want: Digest, alone: Outcome | undefined, through: Outcome): string[] {
  if (alone !== undefined && "refused" in alone) return [];
  // That an answer came to nothing is an error to clients of Responses.
  const failed = want.error !== null || want.finish === "other";
  if ("refused" in through) return failed ? [] : [`refused: ${through.refused}`];
  if (want.error !== null) return [`error: no client is told ${JSON.stringify(want.error).slice(0, 100)}`];
  const expected = alone?.read ?? { text: want.text, tools: want.tools };
  return (["text", "tools"] as const)
    .filter((name) => !Bun.deepEquals(through.read[name], expected[name]))
    .map((name) => {
      const [wanted, got] = [expected[name], through.read[name]].map((value) => JSON.stringify(value).slice(0, 120));
      return `${name}: want ${wanted} got ${got}`;
    });
}

/** Method D: the official clients, each with the answers of every recorded API; those of its own dialect also without a gateway. */
export async function compareSdks(
  house: House,
  answers: readonly Played[],
  judge: Digests,
  figures: Figures,
): Promise<void> {
  for (const played of answers) {
    const { exchange, stream, judged } = played;
    const want = judge.respDigest(judged);
    for (const sdk of SDKS) {
      const own = sdk.isFor(played);
      // In one dialect on both sides it can be tried whoever the provider is, unless its envelope is another.
      const bare = exchange.api === judged.api || exchange.api === "anthropic.vertex";
      const alone = bare && sdk.front.api === judged.api ? await direct(sdk, played) : undefined;
      const through = await outcomeOf(sdk, { ...house.play(played), stream });
      const found = lostBy(want, alone, through);
      const api = judged.api === "anthropic.messages" ? judged.api : exchange.api;
      const rows = [...CLIENTS_REFUSE, ...answersListed(sdk.front.dialect, api)];
      const because = rows.find((row) => row.applies({ exchange, want, found }))?.because;
      const name = `${exchange.name} (${exchange.provider})`;
      figures.count(["D", `${rowOf(played)}${own ? ", its own" : ""}`, sdk.name], {
        name,
        genuine: exchange.genuine,
        found,
        because,
      });
    }
  }
}

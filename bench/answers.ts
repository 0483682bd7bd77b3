/**
 * What the bench upstream answers, as finished HTTP/1.1 bytes, so that it costs next to nothing to send.
 * Shapes: OpenAI chat completions (https://platform.openai.com/docs/api-reference/chat), with the response
 * headers that a gateway meets in practice.
 */

/** `data:` events in the stream, without the closing `[DONE]`. */
export const STREAM_EVENTS = 60;

/** The text that both answers carry; the bench checks it before it measures a target. */
export const STREAM_TEXT = Array.from({ length: STREAM_EVENTS - 3 }, (_, i) => ` word${i}`).join("");
export const JSON_TEXT = "The sallyport is the small door by which a garrison leaves a fortress unseen, one at a time.";

const CREATED = 1_750_000_000;
const MODEL = "bench-2026";
const USAGE = {
  prompt_tokens: 21,
  completion_tokens: 57,
  total_tokens: 78,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
};

const HEADERS = [
  "Date: Sun, 15 Jun 2025 15:06:40 GMT",
  "openai-processing-ms: 12",
  "openai-version: 2020-10-01",
  "x-request-id: req_5f1c2a7be0d94f36",
];

function head(...lines: string[]): string {
  return `HTTP/1.1 200 OK\r\n${[...lines, ...HEADERS].join("\r\n")}\r\n\r\n`;
}

/** A whole answer with a fixed length and any content type. */
export function jsonResponse(value: unknown): Buffer {
  const body = JSON.stringify(value);
  return Buffer.from(head("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`) + body);
}

/** The unary answer: head and a body of about 500 bytes. */
export function jsonAnswer(): Buffer {
  return jsonResponse({
    id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    object: "chat.completion",
    created: CREATED,
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: JSON_TEXT, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: USAGE,
    service_tier: "default",
    system_fingerprint: "fp_44709d6fcb",
  });
}

/**
 * The streamed answer, one piece per write: the head with the first event, then an event each, the last one
 * with `[DONE]` and the end of the chunked body. Each piece is a whole chunk (RFC 9112 §7.1), so that a peer
 * which reads as fast as it is written to sees events one by one, as a model produces them.
 */
export function streamAnswer(): Buffer[] {
  const deltas: object[] = [
    { role: "assistant", content: "", refusal: null },
    ...Array.from({ length: STREAM_EVENTS - 3 }, (_, i) => ({ content: ` word${i}` })),
    {},
  ];
  const events = deltas.map((delta, i) => {
    const finish = i === deltas.length - 1 ? "stop" : null;
    return event({ choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null });
  });
  events.push(event({ choices: [], usage: USAGE }));
  const pieces = events.map((text) => httpChunk(text));
  pieces[0] = `${head("Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")}${pieces[0]}`;
  pieces[pieces.length - 1] += `${httpChunk("data: [DONE]\n\n")}0\r\n\r\n`;
  return pieces.map((piece) => Buffer.from(piece));
}

function event(rest: object): string {
  const common = { id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", object: "chat.completion.chunk", created: CREATED };
  return `data: ${JSON.stringify({ ...common, model: MODEL, system_fingerprint: "fp_44709d6fcb", ...rest })}\n\n`;
}

function httpChunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

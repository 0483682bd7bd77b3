import { isObject, parseBounded } from "../kernel/json.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import { AwsEventStreamFramer } from "./aws-event-stream.ts";
import type { Framer, RawFrame } from "./framing.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8");

/**
 * The streams of Bedrock's InvokeModelWithResponseStream: messages of AWS's event streams, each
 * `chunk` of which holds one event of the model's own dialect, as base64
 * (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html). That
 * event is the frame, and its bytes are those of a server-sent event, which is how the model's
 * maker would have sent it: a caller of that dialect can have them as they are.
 */
export class AwsInvokeStreamFramer implements Framer {
  readonly #messages = new AwsEventStreamFramer();

  push(chunk: Uint8Array): RawFrame[] {
    const frames: RawFrame[] = [];
    for (const message of this.#messages.push(chunk)) {
      if (message.failed) frames.push(message);
      else if (message.event === "chunk") frames.push(innerEvent(message.data));
    }
    return frames;
  }

  close(): RawFrame[] {
    return this.#messages.close();
  }
}

/** @throws MalformedAnswer */
function innerEvent(payload: string): RawFrame {
  const part = parseBounded(payload);
  const base64 = isObject(part) ? part.bytes : undefined;
  if (typeof base64 !== "string") throw new MalformedAnswer("a chunk without bytes");
  // On one line, as server-sent events have it: a line end within would end the field.
  const data = decoder.decode(Buffer.from(base64, "base64")).replace(/[\r\n]+/g, " ");
  const event = typeOf(data);
  const source = encoder.encode(`${event === "" ? "" : `event: ${event}\n`}data: ${data}\n\n`);
  return { event, data, source, start: 0, end: source.length };
}

/** An event's type is nearly always its first field; then nothing is parsed for it. */
function typeOf(data: string): string {
  const first = /^\{"type":"(\w+)"/.exec(data);
  if (first !== null) return first[1]!;
  const value = parseBounded(data);
  return isObject(value) && typeof value.type === "string" && /^\w+$/.test(value.type) ? value.type : "";
}

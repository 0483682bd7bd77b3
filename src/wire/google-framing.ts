import { type Framer, type RawFrame, SseFramer } from "./framing.ts";

const utf8 = new TextDecoder();

/**
 * Server-sent events as Google sends them. An error in the middle of a stream comes bare, as JSON
 * without `data:`; read as an event it would say nothing, and a stream that failed would look
 * whole. Here it is what the event says.
 */
export class GoogleSseFramer implements Framer {
  readonly #events = new SseFramer();

  push(chunk: Uint8Array): RawFrame[] {
    return withBareJson(this.#events.push(chunk));
  }

  close(): RawFrame[] {
    return withBareJson(this.#events.close());
  }
}

function withBareJson(frames: RawFrame[]): RawFrame[] {
  for (const frame of frames) {
    if (frame.data !== "") continue;
    const text = utf8.decode(frame.source.subarray(frame.start, frame.end)).trim();
    if (text.startsWith("{") || text.startsWith("[")) frame.data = text;
  }
  return frames;
}

import type { Framing } from "../spec/adapter.ts";
import { type Framer, SseFramer } from "./framing.ts";
import { NdjsonFramer } from "./ndjson.ts";

/** How each kind of stream is cut, and the content type by which it is known. */
export const FRAMERS: Readonly<Record<Framing, { contentType: string; framer(): Framer }>> = {
  sse: { contentType: "text/event-stream", framer: () => new SseFramer() },
  ndjson: { contentType: "application/x-ndjson", framer: () => new NdjsonFramer() },
};

import type { Framing } from "../spec/adapter.ts";
import { AwsEventStreamFramer } from "./aws-event-stream.ts";
import { AwsInvokeStreamFramer } from "./aws-invoke-stream.ts";
import { type Framer, SseFramer } from "./framing.ts";
import { GoogleSseFramer } from "./google-framing.ts";
import { NdjsonFramer } from "./ndjson.ts";

const AWS_EVENT_STREAM = "application/vnd.amazon.eventstream";

/** How each kind of stream is cut, and the content type by which it is known. */
export const FRAMERS: Readonly<Record<Framing, { contentType: string; framer(): Framer }>> = {
  sse: { contentType: "text/event-stream", framer: () => new SseFramer() },
  "google-sse": { contentType: "text/event-stream", framer: () => new GoogleSseFramer() },
  ndjson: { contentType: "application/x-ndjson", framer: () => new NdjsonFramer() },
  "aws-event-stream": { contentType: AWS_EVENT_STREAM, framer: () => new AwsEventStreamFramer() },
  "aws-invoke-stream": { contentType: AWS_EVENT_STREAM, framer: () => new AwsInvokeStreamFramer() },
};

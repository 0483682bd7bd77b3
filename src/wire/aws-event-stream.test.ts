// Covers aws-event-stream.ts and aws-invoke-stream.ts.
import { describe, expect, test } from "bun:test";
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import fc from "fast-check";
import {
  type AwsMessage,
  awsChunk,
  awsEvent,
  awsException,
  encodeAwsMessages,
} from "../../test/support/upstream/aws-event-stream.ts";
import { MalformedAnswer } from "../spec/adapter.ts";
import { AwsEventStreamFramer } from "./aws-event-stream.ts";
import { AwsInvokeStreamFramer } from "./aws-invoke-stream.ts";
import type { Framer } from "./framing.ts";

const MESSAGES: AwsMessage[] = [
  awsEvent("messageStart", { role: "assistant" }),
  awsEvent("contentBlockDelta", { delta: { text: "grüße 🦀" }, contentBlockIndex: 0 }),
  awsEvent("messageStop", { stopReason: "end_turn" }),
];
const BYTES = encodeAwsMessages(MESSAGES);

/** What a framer gives of these chunks, without the bytes. */
function read(framer: Framer, chunks: readonly Uint8Array[]) {
  const frames = [...chunks.flatMap((chunk) => framer.push(chunk)), ...framer.close()];
  return frames.map(({ event, data, failed }) => ({ event, data, ...(failed && { failed }) }));
}

const WANTED = MESSAGES.map(({ headers, payload }) => ({ event: headers[":event-type"]!, data: payload as string }));

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const all = [...new Set(places.map((place) => place % bytes.length))].sort((a, b) => a - b);
  return [0, ...all].map((start, i) => bytes.slice(start, all[i] ?? bytes.length));
}

describe("messages of an AWS event stream", () => {
  test("are the same however the network cuts them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 40 }), (places) => {
        expect(read(new AwsEventStreamFramer(), cut(BYTES, places))).toEqual(WANTED);
      }),
    );
    expect(
      read(
        new AwsEventStreamFramer(),
        Array.from(BYTES, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(WANTED);
  });

  test("own their bytes, which later chunks do not touch", () => {
    const framer = new AwsEventStreamFramer();
    const frames = cut(BYTES, [5, 100, 101, 250]).flatMap((chunk) => framer.push(chunk));
    const bytes = frames.flatMap(({ source, start, end }) => [...source.subarray(start, end)]);
    expect(Buffer.from(bytes).equals(BYTES)).toBe(true);
  });

  test("that are exceptions or errors have failed, and say how", () => {
    const error = {
      headers: { ":message-type": "error", ":error-code": "500", ":error-message": "broken" },
      payload: "",
    };
    const bytes = encodeAwsMessages([awsException("throttlingException", "slow down"), error]);
    expect(read(new AwsEventStreamFramer(), [bytes])).toEqual([
      { event: "throttlingException", data: '{"message":"slow down"}', failed: true },
      { event: "500", data: '{"message":"broken"}', failed: true },
    ]);
    const bare = { headers: { ":message-type": "exception", ":exception-type": "x" }, payload: "" };
    expect(read(new AwsEventStreamFramer(), [encodeAwsMessages([bare])])[0]!.data).toBe("{}");
  });

  test("that never become whole are none", () => {
    expect(read(new AwsEventStreamFramer(), [BYTES.slice(0, -1)])).toEqual(WANTED.slice(0, -1));
  });

  test("with one byte changed are malformed, or wait for bytes that do not come", () => {
    for (let at = 0; at < BYTES.length; at++) {
      const broken = BYTES.slice();
      broken[at]! ^= 0x10;
      expect(() => read(new AwsEventStreamFramer(), [broken])).toThrow(MalformedAnswer);
    }
  });

  test("of any noise are malformed, none, or never read: no crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          read(new AwsEventStreamFramer(), [noise]);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MalformedAnswer);
        }
      }),
    );
  });

  test("that announce more than is allowed are refused before anything is kept", () => {
    const message = Buffer.from(encodeAwsMessages([awsEvent("x", {})]));
    for (const [total, headers] of [
      [17 * 1024 * 1024, 0],
      [12, 0],
      [100, 90],
      [1_000_000, 200_000],
    ]) {
      message.writeUInt32BE(total!, 0);
      message.writeUInt32BE(headers!, 4);
      message.writeUInt32BE(Bun.hash.crc32(message.subarray(0, 8)), 8);
      expect(() => new AwsEventStreamFramer().push(new Uint8Array(message.subarray(0, 12)))).toThrow(MalformedAnswer);
    }
  });

  test("with headers of every type are read, and headers that overrun are malformed", () => {
    const encoded = (head: number[]) => {
      const bytes = Buffer.concat([Buffer.alloc(12), Buffer.from(head), Buffer.from("{}"), Buffer.alloc(4)]);
      bytes.writeUInt32BE(bytes.length, 0);
      bytes.writeUInt32BE(head.length, 4);
      bytes.writeUInt32BE(Bun.hash.crc32(bytes.subarray(0, 8)), 8);
      bytes.writeUInt32BE(Bun.hash.crc32(bytes.subarray(0, -4)), bytes.length - 4);
      return new Uint8Array(bytes);
    };
    const header = (name: string, type: number, value: number[]) => [name.length, ...Buffer.from(name), type, ...value];
    const sizes = [0, 0, 1, 2, 4, 8, 3, 0, 8, 16];
    const all = sizes.flatMap((size, type) =>
      type === 7 ? [] : header("h", type, type === 6 ? [0, 1, 9] : new Array<number>(size).fill(1)),
    );
    const named = [...all, ...header(":event-type", 7, [0, 2, 111, 107])];
    expect(read(new AwsEventStreamFramer(), [encoded(named)])).toEqual([{ event: "ok", data: "{}" }]);
    for (const bad of [header("h", 10, []), header("h", 7, [0, 9, 1]), [200, 1]]) {
      expect(() => read(new AwsEventStreamFramer(), [encoded(bad)])).toThrow(MalformedAnswer);
    }
    expect(() =>
      read(new AwsEventStreamFramer(), [encodeAwsMessages([{ headers: { ":message-type": "later" }, payload: "" }])]),
    ).toThrow(MalformedAnswer);
  });

  test("as the emulator writes them are read by AWS's own client as we read them", async () => {
    const client = new BedrockRuntimeClient({
      region: "eu-central-1",
      credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" },
      requestHandler: {
        handle: async () => ({
          response: {
            statusCode: 200,
            headers: { "content-type": "application/vnd.amazon.eventstream" },
            body: new Response(BYTES).body,
          },
        }),
      } as never,
    });
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: "m", messages: [] }));
    const seen: { event: string; data: string }[] = [];
    for await (const event of stream!) {
      const [[type, payload]] = Object.entries(event) as [[string, unknown]];
      seen.push({ event: type, data: JSON.stringify(payload) });
    }
    expect(seen.map(({ event, data }) => ({ event, data: JSON.parse(data) as unknown }))).toEqual(
      WANTED.map(({ event, data }) => ({ event, data: JSON.parse(data) as unknown })),
    );
  });
});

describe("events of a model's own dialect inside AWS's", () => {
  const events = [
    { type: "message_start", message: { id: "m" } },
    { index: 0, delta: { text: "a\nb" }, type: "content_block_delta" },
    { noType: true },
  ];
  const bytes = encodeAwsMessages([...events.map(awsChunk), awsException("modelTimeoutException", "late")]);

  test("are frames, with the bytes of server-sent events", () => {
    const framer = new AwsInvokeStreamFramer();
    const frames = cut(bytes, [7, 99, 300]).flatMap((chunk) => framer.push(chunk));
    expect(frames.slice(0, 3).map(({ event, data }) => [event, JSON.parse(data)] as const)).toEqual([
      ["message_start", events[0]!],
      ["content_block_delta", events[1]!],
      ["", events[2]!],
    ]);
    expect(frames[3]).toMatchObject({ event: "modelTimeoutException", failed: true });
    const { source, start, end } = frames[0]!;
    expect(new TextDecoder().decode(source.subarray(start, end))).toBe(
      'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n',
    );
    expect(framer.close()).toEqual([]);
  });

  test("that are written over several lines stand on one", () => {
    const payload = Buffer.from('{\n "type": "ping"\r\n}').toString("base64");
    const [frame] = new AwsInvokeStreamFramer().push(encodeAwsMessages([awsEvent("chunk", { bytes: payload })]));
    expect(frame).toMatchObject({ event: "ping", data: '{  "type": "ping" }' });
  });

  test("without bytes are malformed, and messages of other types are passed over", () => {
    const framer = new AwsInvokeStreamFramer();
    expect(() => framer.push(encodeAwsMessages([awsEvent("chunk", {})]))).toThrow(MalformedAnswer);
    expect(new AwsInvokeStreamFramer().push(encodeAwsMessages([awsEvent("initial-response", {})]))).toEqual([]);
  });
});

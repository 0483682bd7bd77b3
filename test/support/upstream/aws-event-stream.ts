import { crc32 } from "node:zlib";

/** One message of AWS's event streams. */
export interface AwsMessage {
  headers: Record<string, string>;
  payload: string | Uint8Array;
}

/** An event as Bedrock sends it. */
export const awsEvent = (type: string, payload: unknown): AwsMessage => ({
  headers: { ":event-type": type, ":content-type": "application/json", ":message-type": "event" },
  payload: JSON.stringify(payload),
});

/** An exception in the middle of a stream. */
export const awsException = (type: string, message: string): AwsMessage => ({
  headers: { ":exception-type": type, ":content-type": "application/json", ":message-type": "exception" },
  payload: JSON.stringify({ message }),
});

/** An event of the model's own dialect, inside InvokeModelWithResponseStream. */
export const awsChunk = (event: unknown): AwsMessage =>
  awsEvent("chunk", { bytes: Buffer.from(JSON.stringify(event)).toString("base64"), p: "abcdef" });

/** Messages as bytes, with their checksums. */
export function encodeAwsMessages(messages: readonly AwsMessage[]): Uint8Array {
  return new Uint8Array(Buffer.concat(messages.map(encode)));
}

function encode({ headers, payload }: AwsMessage): Buffer {
  const heads = Object.entries(headers).map(([name, value]) => {
    const text = Buffer.from(value);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(text.length);
    return Buffer.concat([Uint8Array.of(Buffer.byteLength(name)), Buffer.from(name), Uint8Array.of(7), length, text]);
  });
  const head = Buffer.concat(heads);
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + body.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const checksum = Buffer.alloc(4);
  const all = Buffer.concat([prelude, head, body]);
  checksum.writeUInt32BE(crc32(all));
  return Buffer.concat([all, checksum]);
}

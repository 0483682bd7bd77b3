import { expect, test } from "bun:test";
import { GoogleSseFramer } from "./google-framing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const STREAM = 'data: {"a": 1}\r\n\r\n: comment\r\n\r\n{\r\n  "error": {\r\n    "code": 503\r\n  }\r\n}\r\n';

test("an error that stands bare in the stream is what its event says, however the stream is cut", () => {
  for (const size of [1, 2, 7, 1_000]) {
    const framer = new GoogleSseFramer();
    const frames = [];
    const all = bytes(STREAM);
    for (let at = 0; at < all.length; at += size) frames.push(...framer.push(all.subarray(at, at + size)));
    frames.push(...framer.close());
    const said = frames.map(({ data }) => data).filter((data) => data !== "");
    expect(said.map((data) => JSON.parse(data))).toEqual([{ a: 1 }, { error: { code: 503 } }]);
  }
});

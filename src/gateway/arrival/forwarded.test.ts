import { describe, expect, test } from "bun:test";
import { forwardedFor } from "./forwarded.ts";

describe("Forwarded", () => {
  test.each<[string, string[]]>([
    ["for=192.0.2.60", ["192.0.2.60"]],
    ["For=192.0.2.60;proto=http;by=203.0.113.43", ["192.0.2.60"]],
    ['for="[2001:db8:cafe::17]:4711"', ["[2001:db8:cafe::17]:4711"]],
    ["for=192.0.2.43, for=198.51.100.17", ["192.0.2.43", "198.51.100.17"]],
    ["for=192.0.2.43,for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com", ["192.0.2.43", "198.51.100.17"]],
    ["for=unknown, for=_hidden", ["unknown", "_hidden"]],
    ["proto=https, for=192.0.2.1", ["", "192.0.2.1"]],
    ["for=192.0.2.1:80", ["192.0.2.1:80"]],
    ['for="a\\"b"', ['a"b']],
    ['host="a,b;for=1.2.3.4", for=192.0.2.1', ["", "192.0.2.1"]],
  ])("%s tells the hops %j", (header, hops) => {
    expect(forwardedFor(header)).toEqual(hops);
  });

  test.each([
    "",
    "for",
    "for=",
    "for=1.2.3.4;",
    "for=1.2.3.4,",
    ", for=1.2.3.4",
    'for="1.2.3.4',
    "for=1.2.3.4 for=5.6.7.8",
    "for=1.2.3.4;for=5.6.7.8",
    "for =1.2.3.4",
    'for="1.2.3.4"x',
    "1.2.3.4",
  ])("%j is none", (header) => {
    expect(forwardedFor(header)).toBeUndefined();
  });

  test("of any length is read in linear time", () => {
    const started = performance.now();
    expect(forwardedFor(`for="${"\\a".repeat(50_000)}`)).toBeUndefined();
    expect(forwardedFor("for=1.2.3.4, ".repeat(10_000))).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(500);
  });
});

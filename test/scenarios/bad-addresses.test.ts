/**
 * Bad input, fifth part: headers that claim where a call comes from. From anyone but a
 * trusted proxy they are refused; from one, only what the proxies themselves have written
 * counts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type AppOptions, trusted } from "../support/app.ts";
import { requestText, sendRaw } from "../support/raw-http.ts";
import { ASKED, DIALECTS, type DialectName, FRONTS, Scene } from "../support/scene.ts";

const scenes: Scene[] = [];
async function open(options: AppOptions): Promise<Scene> {
  const scene = await Scene.start(options);
  scenes.push(scene);
  return scene;
}

/** Test clients come from 127.0.0.1, so a gateway that trusts that network has them for proxies. */
const PROXIES = { settings: { trustedProxies: [trusted("127.0.0.0/8"), trusted("2001:db8:aaaa::/48")] } };
const ALLOWED = { principal: { allowFrom: ["203.0.113.0/24", "2001:db8:1::/48"] } };

let direct: Scene;
let proxied: Scene;
let fenced: Scene;
beforeAll(async () => {
  direct = await open({});
  proxied = await open(PROXIES);
  fenced = await open({ ...PROXIES, ...ALLOWED });
});
afterAll(() => Promise.all(scenes.map((scene) => scene.stop())));
beforeEach(() => Promise.all(scenes.map((scene) => scene.fresh())));

/** Claims of an address that nobody here reads; `_` instead of `-` is how some servers fold names. */
const UNREAD = ["x-client-ip", "true-client-ip", "cf-connecting-ip", "x-cluster-client-ip", "fastly-client-ip", "x-forwarded", "forwarded-for",
  "x_forwarded_for", "x_real_ip", "x-original-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix", "via"]; // biome-ignore format: a list

describe.each(ASKED)("from a peer that is no proxy, to $front, stream: $stream", ({ front, stream }) => {
  test.each([
    ["x-forwarded-for", "203.0.113.7"],
    ["X-Forwarded-For", "127.0.0.1"],
    ["x-forwarded-for", ""],
    ["forwarded", "for=203.0.113.7;host=elsewhere;proto=https"],
    ["x-real-ip", "203.0.113.7"],
    ["x-forwarded-host", "elsewhere"],
  ])("%s: %s is refused, and the record has the peer's address", async (name, value) => {
    const response = await direct.call(front, { stream }, { headers: { [name]: value } });
    await direct.refused(front, response, { code: "forbidden_header", param: name.toLowerCase() });
    const again = await direct.call(front, { stream }, { headers: { [name]: value } });
    await again.text();
    expect((await direct.record()).address).toBe("127.0.0.1");
  });

  test("other claims have no effect and go nowhere", async () => {
    const headers = Object.fromEntries(UNREAD.map((name) => [name, "203.0.113.7"]));
    const { record } = await direct.served(front, { stream }, { headers });
    expect(record.address).toBe("127.0.0.1");
    expect(direct.up.everything()).not.toContain("203.0.113.7");
    const own = await open({ principal: { allowFrom: ["203.0.113.0/24"] } });
    await own.refused(front, await own.call(front, { stream }, { headers }), { code: "address_not_allowed" });
  });

  test("a gateway that trusts another network does not trust this peer", async () => {
    const own = await open({ settings: { trustedProxies: [trusted("10.0.0.0/8"), trusted("::1")] } });
    const response = await own.call(front, { stream }, { headers: { "x-forwarded-for": "10.0.0.1" } });
    await own.refused(front, response, { code: "forbidden_header", param: "x-forwarded-for" });
  });
});

describe.each(DIALECTS)("through trusted proxies the client is the last address that is no proxy (%s)", (front) => {
  test.each<[string, string]>([
    ["203.0.113.7", "203.0.113.7"],
    ["10.9.9.9, 203.0.113.7", "203.0.113.7"],
    ["127.0.0.1, 203.0.113.7", "203.0.113.7"],
    ["203.0.113.7, 127.0.0.2", "203.0.113.7"],
    ["1.1.1.1,203.0.113.7 ,  127.0.0.2,2001:db8:aaaa::5", "203.0.113.7"],
    ["nonsense, <script>, , 203.0.113.7", "203.0.113.7"],
    ["203.0.113.7:4711", "203.0.113.7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["2001:db8::7", "2001:db8::7"],
    ["127.0.0.9, 127.0.0.8", "127.0.0.9"],
  ])("x-forwarded-for: %s → %s", async (value, address) => {
    const { record } = await proxied.served(front, {}, { headers: { "x-forwarded-for": value } });
    expect(record.address).toBe(address);
    expect(proxied.up.everything()).not.toContain("203.0.113.7");
  });

  test.each([
    "unknown",
    "",
    " ",
    "203.0.113",
    "0x7f.0.0.1",
    "010.0.0.1",
    "203.0.113.7, nonsense",
    "203.0.113.7,",
    "203.0.113.7 10.0.0.1",
    "[203.0.113.7",
    "fe80::1%eth0",
  ])("what the last proxy wrote is no address (%j): refused", async (value) => {
    const response = await proxied.call(front, {}, { headers: { "x-forwarded-for": value } });
    await proxied.refused(front, response, { code: "forbidden_header", param: "x-forwarded-for" });
  });

  test("two headers are one list, in their order", async () => {
    const head = ["Host: gateway", `x-api-key: ${proxied.app.key}`, "Content-Type: application/json"];
    const claims = ["X-Forwarded-For: 198.51.100.9", "x-forwarded-for: 203.0.113.7"];
    const body = JSON.stringify(FRONTS[front].body());
    const text = requestText(`POST ${FRONTS[front].path} HTTP/1.1`, [...head, ...claims], body);
    expect((await sendRaw(proxied.app.url, [text])).status).toBe(200);
    expect((await proxied.record()).address).toBe("203.0.113.7");
  });

  test("without the header the client is the proxy itself, whatever else it says", async () => {
    const headers = { "x-real-ip": "203.0.113.7", "x-forwarded-host": "elsewhere" };
    const { record } = await proxied.served(front, {}, { headers });
    expect(record.address).toBe("127.0.0.1");
  });

  test.each([
    [{ forwarded: "for=203.0.113.7" }, "203.0.113.7"],
    [{ forwarded: 'for=1.1.1.1, for="[2001:db8::7]:80";proto=https, for=127.0.0.2' }, "2001:db8::7"],
    [{ forwarded: "for=203.0.113.7", "x-forwarded-for": "1.1.1.1, 203.0.113.7" }, "203.0.113.7"],
  ] as [Record<string, string>, string][])("%j → %s", async (headers, address) => {
    const { record } = await proxied.served(front, {}, { headers });
    expect(record.address).toBe(address);
    expect(proxied.up.everything()).not.toContain("203.0.113.7");
  });

  test.each([
    { forwarded: "for=unknown" },
    { forwarded: "for=_hidden" },
    { forwarded: "proto=https" },
    { forwarded: "for=203.0.113.7;for=203.0.113.8" },
    { forwarded: "" },
    { forwarded: "for=203.0.113.7", "x-forwarded-for": "203.0.113.8" },
    { forwarded: "for=203.0.113.7, for=127.0.0.2", "x-forwarded-for": "203.0.113.7, 203.0.113.9" },
  ] as Record<string, string>[])("what cannot be told for certain is refused: %j", async (headers) => {
    const response = await proxied.call(front, {}, { headers });
    await proxied.refused(front, response, { code: "forbidden_header", param: "forwarded" });
  });
});

describe.each(ASKED)(
  "a key that may be used from one network only, to $front, stream: $stream",
  ({ front, stream }) => {
    test.each(["203.0.113.7", "::ffff:203.0.113.7", "2001:db8:1::7", "198.51.100.9, 203.0.113.7, 127.0.0.3"])(
      "from %s: served",
      async (value) => {
        await fenced.served(front, { stream }, { headers: { "x-forwarded-for": value } });
      },
    );

    test.each([
      "198.51.100.9",
      "203.0.114.7",
      "::ffff:198.51.100.9",
      "2001:db8:2::7",
      "203.0.113.7, 198.51.100.9",
      "203.0.113.7, 198.51.100.9, 127.0.0.3",
    ])("from %s: refused", async (value) => {
      const response = await fenced.call(front, { stream }, { headers: { "x-forwarded-for": value } });
      await fenced.refused(front, response, { code: "address_not_allowed" });
    });
  },
);

test("nothing that the client writes before its own address changes who it is", async () => {
  const text = fc.string({ unit: fc.constantFrom(..."0123456789abcdef.:,[]% \"=;<>/\t"), maxLength: 60 });
  const claim = fc.oneof(text, fc.ipV4(), fc.ipV6(), fc.constantFrom("203.0.113.7", "127.0.0.1", "for=203.0.113.7", "203.0.113.0/24", "*"));
  await fc.assert(
    fc.asyncProperty(fc.array(claim, { maxLength: 4 }), fc.constantFrom<DialectName>(...DIALECTS), async (claims, front) => {
      const value = [...claims, "198.51.100.9", "127.0.0.2"].join(", ");
      await fenced.fresh();
      const response = await fenced.call(front, {}, { headers: { "x-forwarded-for": value } });
      await response.text();
      expect(await fenced.record()).toMatchObject({ errorCode: "address_not_allowed", address: "198.51.100.9" });
    }),
    { numRuns: 200 },
  );
}); // biome-ignore format: rows

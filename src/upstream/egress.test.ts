import { describe, expect, test } from "bun:test";
import { Egress, isPublic } from "./egress.ts";

const clock = { at: 0, now: () => 0, ticks: () => clock.at };
const names = (table: Record<string, string[]>) => async (host: string) => table[host] ?? [];

describe("only addresses of the public Internet may be called", () => {
  const refused = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "::7f00:1",
    "::7f00:1%eth0",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::7f00:1",
    "fec0::1",
    "1::1",
    "4000::1",
    "not an address",
    "",
  ];
  for (const address of refused) test(`refused: ${address}`, () => expect(isPublic(address)).toBe(false));
  for (const address of ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"]) {
    test(`public: ${address}`, () => expect(isPublic(address)).toBe(true));
  }
});

describe("a name is as good as its worst address", () => {
  test("the log is told which address it was, and what to set", async () => {
    const egress = new Egress(clock, names({ "a.example": ["10.0.0.1"] }));
    const internal = (host: string) => egress.pin(`http://${host}/`, false).catch((error) => error.internal);
    expect(await internal("a.example")).toStartWith("a.example resolves to 10.0.0.1, which is not public; set allow");
    expect(await internal("10.0.0.2")).toStartWith("10.0.0.2 is not public; set allow");
  });

  test("one private address among public ones refuses the name", async () => {
    const egress = new Egress(clock, names({ "a.example": ["8.8.8.8", "10.0.0.1"] }));
    expect(egress.pin("https://a.example/v1", false)).rejects.toMatchObject({ code: "upstream_blocked" });
  });

  test("every spelling of loopback in a URL is refused", async () => {
    const egress = new Egress(clock, names({ localhost: ["127.0.0.1"] }));
    for (const host of [
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "0177.0.0.1",
      "127.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "localhost",
    ]) {
      await expect(egress.pin(`http://${host}:80/`, false)).rejects.toMatchObject({ code: "upstream_blocked" });
    }
  });

  test("an account that allows private networks may call them", async () => {
    const egress = new Egress(clock, names({ "llm.internal": ["10.0.0.7"] }));
    expect(await egress.pin("https://llm.internal:8443/v1", true)).toEqual({
      origin: "https://10.0.0.7:8443",
      address: "10.0.0.7",
      port: 8443,
      host: "llm.internal:8443",
      serverName: "llm.internal",
      place: "private https://10.0.0.7:8443 llm.internal:8443",
    });
    expect(egress.recent("https://llm.internal:8443/v1", false)).toBeUndefined();
  });

  test("a name without an address is unreachable", () => {
    expect(new Egress(clock, names({})).pin("https://gone.example", false)).rejects.toMatchObject({
      code: "upstream_unreachable",
    });
  });
});

test("what was checked is what is called: a later answer of the name service changes nothing until it is checked too", async () => {
  const table: Record<string, string[]> = { "a.example": ["8.8.8.8"] };
  const egress = new Egress(clock, async (host) => table[host]!);
  await egress.pin("https://a.example", false);
  table["a.example"] = ["127.0.0.1"];
  expect(egress.recent("https://a.example", false)?.origin).toBe("https://8.8.8.8");
  clock.at += 31_000;
  expect(egress.recent("https://a.example", false)).toBeUndefined();
  expect(egress.pin("https://a.example", false)).rejects.toMatchObject({ code: "upstream_blocked" });
});

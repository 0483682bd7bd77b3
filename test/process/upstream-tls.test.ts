/** TLS to providers: nobody is believed who does not bear the name, and what TLS carries arrives whole. Covers src/upstream/connection.ts. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chat, post } from "../support/app.ts";
import { selfSigned } from "../support/certificate.ts";
import { configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const pair = selfSigned(new Date(Date.now() - 1e6), new Date(Date.now() + 1e9));
const expired = selfSigned(new Date(Date.now() - 1e9), new Date(Date.now() - 1e6));
let up: Upstream;
let old: Upstream;
beforeAll(async () => {
  // 127.0.0.2 is this machine too, and no name of the certificate's.
  up = await startUpstream({ tls: pair, host: "0.0.0.0" });
  old = await startUpstream({ tls: expired, host: "0.0.0.0" });
  for (const each of [up, old]) each.plan(openaiChat.replies({ text: ["Hello ", "there."] }));
});
afterAll(async () => {
  await up.stop();
  await old.stop();
});

let place: Installation | undefined;
afterEach(() => place?.remove());

/** A gateway that trusts both certificates, or nobody but the usual authorities, and is told in the runtime's own way to trust everybody. */
async function start(provider: string, trusts: boolean): Promise<GatewayProcess> {
  place = new Installation(configuration({ upstream: provider }));
  const file = join(place.folder, "authorities.pem");
  writeFileSync(file, pair.cert + expired.cert);
  const env = { NODE_EXTRA_CA_CERTS: trusts ? file : undefined, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  return await place.start({ env });
}

test.each([
  ["that bears its name", "localhost", () => up, true, 200],
  ["that bears its address", "127.0.0.1", () => up, true, 200],
  ["that bears another name", "127.0.0.2", () => up, true, 502],
  ["whose certificate is nobody's", "localhost", () => up, false, 502],
  ["whose certificate has expired", "localhost", () => old, true, 502],
] as const)(
  "a provider %s",
  async (_, host, which, trusts, status) => {
    const provider = which();
    const before = provider.requests.length;
    const gateway = await start(`https://${host}:${provider.port}`, trusts);
    for (const stream of [false, true]) {
      const response = await post(gateway, { body: chat({ stream }) });
      const said = await response.text();
      expect([response.status, said]).toEqual([
        status,
        expect.stringContaining(status === 200 ? "there." : "upstream_unreachable"),
      ]);
    }
    expect(provider.requests.length - before).toBe(status === 200 ? 2 : 0);
    expect(provider.noise).toEqual([]);
    expect(await gateway.stop()).toBe(0);
  },
  60_000,
);

test("a question and an answer of megabytes arrive whole, and one connection serves them all", async () => {
  const long = "ä".repeat(1_500_000);
  up.forget();
  up.plan(openaiChat.replies({ text: [long, "end."] }));
  const before = up.accepted;
  const gateway = await start(`https://localhost:${up.port}`, true);
  for (const stream of [false, true, false]) {
    const response = await post(gateway, { body: chat({ stream, messages: [{ role: "user", content: long }] }) });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain(long);
  }
  expect(up.requests.map((request) => request.text().includes(long))).toEqual([true, true, true]);
  expect(up.accepted - before).toBe(1);
  expect(await gateway.stop()).toBe(0);
}, 60_000);

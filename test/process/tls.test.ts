/** TLS from files: which versions, and how a certificate is renewed under way. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { chat } from "../support/app.ts";
import { selfSigned } from "../support/certificate.ts";
import { configuration, type GatewayProcess, Installation } from "../support/process.ts";
import { openaiChat, startUpstream, type Upstream } from "../support/upstream.ts";

const RENEWED = "the certificate has changed; new connections get the new one";
const KEPT = "the new certificate cannot be used; the old one stays";
const WORDS = Array.from({ length: 6 }, (_, i) => `word${i} `);

type Pair = { cert: string; key: string };
const pair = (): Pair => selfSigned(new Date(Date.now() - 1e6), new Date(Date.now() + 1e9));
const printOf = ({ cert }: Pair) => new X509Certificate(cert).fingerprint256;

let up: Upstream;
let gate = Promise.withResolvers<void>();
beforeAll(async () => {
  up = await startUpstream();
  up.plan((request) => {
    const script = openaiChat.replies({ text: WORDS })(request);
    return [...script.slice(0, 4), { do: "until", open: gate.promise }, ...script.slice(4)];
  });
});
afterAll(() => up.stop());

let place: Installation | undefined;
afterEach(async () => {
  gate.resolve();
  await place?.remove();
});

async function startWithTls(first: Pair): Promise<{ gateway: GatewayProcess; install(pair: Pair): Promise<void> }> {
  gate = Promise.withResolvers<void>();
  place = new Installation(configuration({ upstream: up.url }));
  const files = { cert: join(place.folder, "tls.crt"), key: join(place.folder, "tls.key") };
  // Replaced as certificate tools do it: written beside, and moved into place, one after the other.
  const install = async (next: Pair) => {
    for (const part of ["cert", "key"] as const) {
      writeFileSync(`${files[part]}.new`, next[part], { mode: 0o600 });
      renameSync(`${files[part]}.new`, files[part]);
      await Bun.sleep(30);
    }
  };
  await install(first);
  const gateway = await place.start({ env: { SALLYPORT_TLS_CERT: files.cert, SALLYPORT_TLS_KEY: files.key } });
  return { gateway, install };
}

/** The fingerprint of the certificate that a new connection is shown. */
function shown(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on("error", reject);
  return promise;
}

const insecure = { tls: { rejectUnauthorized: false } };

test("new connections get a renewed certificate, none is refused for it, and a stream goes on; a bad one changes nothing", async () => {
  const [first, second, third] = [pair(), pair(), pair()];
  const { gateway, install } = await startWithTls(first);
  expect(gateway.url).toStartWith("https://");
  expect(gateway.adminUrl).toStartWith("https://");
  expect(await shown(gateway.url)).toBe(printOf(first));

  const stream = await fetch(`${gateway.url}/v1/chat/completions`, {
    ...insecure,
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify(chat({ stream: true })),
  });
  expect(stream.status).toBe(200);

  // New connections all the while.
  let renewing = true;
  const prints: string[] = [];
  const faults: unknown[] = [];
  const connecting = Array.from({ length: 4 }, async () => {
    while (renewing) {
      await shown(gateway.url).then(
        (print) => prints.push(print),
        (fault) => faults.push(fault),
      );
    }
  });
  await Bun.sleep(100);
  const said = (message: string) => gateway.lines.filter((line) => line.message === message).length;
  const saidAgain = async (message: string, act: () => unknown) => {
    const before = said(message);
    await act();
    await gateway.said((line) => line.message === message && said(message) > before, 15_000);
  };
  await saidAgain(RENEWED, () => install(second));
  for (const url of [gateway.url, gateway.adminUrl]) expect(await shown(url)).toBe(printOf(second));
  // A key that belongs to another certificate, a certificate that is cut off: the old one stays.
  await saidAgain(KEPT, () => install({ cert: third.cert, key: first.key }));
  await saidAgain(KEPT, () => install({ cert: third.cert.slice(0, 300), key: third.key }));
  expect(await shown(gateway.url)).toBe(printOf(second));
  await saidAgain(RENEWED, () => install(third));
  for (const url of [gateway.url, gateway.adminUrl]) expect(await shown(url)).toBe(printOf(third));
  await Bun.sleep(500);
  renewing = false;
  await Promise.all(connecting);
  expect(faults).toEqual([]);
  expect(new Set(prints)).toEqual(new Set([printOf(first), printOf(second), printOf(third)]));
  console.log(`${prints.length} connections during two renewals, none refused`);

  gate.resolve();
  const text = await stream.text();
  expect(text).toContain("word5");
  expect(text).toEndWith("data: [DONE]\n\n");
  expect(await gateway.stop()).toBe(0);
  expect(gateway.stdout).not.toContain("PRIVATE KEY");
}, 90_000);

/** A ClientHello (RFC 5246 section 7.4.1.2) that speaks this version at most. */
function clientHello(version: number): Buffer {
  const u16 = (value: number) => [value >> 8, value & 0xff];
  const extension = (type: number, body: number[]) => [...u16(type), ...u16(body.length), ...body];
  const list = (items: number[]) => [...u16(items.length), ...items];
  const extensions = [
    ...extension(10, list([...u16(0x001d), ...u16(0x0017)])), // groups: x25519, P-256
    ...extension(11, [1, 0]), // uncompressed points
    ...extension(13, list([4, 3, 4, 1, 2, 3, 2, 1])), // signatures: ECDSA and RSA, SHA-256 and SHA-1
  ];
  const suites = [0xc02b, 0xc02f, 0xc009, 0xc00a, 0xc013, 0x002f].flatMap(u16);
  const body = [
    ...u16(version),
    ...crypto.getRandomValues(new Uint8Array(32)),
    0,
    ...list(suites),
    1,
    0,
    ...list(extensions),
  ];
  const handshake = [1, 0, ...u16(body.length), ...body];
  return Buffer.from([22, ...u16(0x0301), ...u16(handshake.length), ...handshake]);
}

/** What the server says first: `alert 70` (RFC 8446 section 6.2: protocol_version), or the handshake goes on. */
function firstRecord(url: string, hello: Buffer): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connectPlain({ host: "127.0.0.1", port: Number(new URL(url).port) }, () => void socket.write(hello));
  socket.on("data", (bytes: Buffer) => {
    resolve(bytes[0] === 21 ? `alert ${bytes[6]}` : `record ${bytes[0]}, handshake ${bytes[5]}`);
    socket.destroy();
  });
  socket.on("close", () => resolve("closed"));
  return promise;
}

test("TLS 1.2 is spoken, and nothing older, on both listeners; plain HTTP on them is no HTTP", async () => {
  const { gateway } = await startWithTls(pair());
  for (const url of [gateway.url, gateway.adminUrl]) {
    expect(await firstRecord(url, clientHello(0x0303))).toBe("record 22, handshake 2");
    for (const old of [0x0302, 0x0301, 0x0300]) expect(await firstRecord(url, clientHello(old))).toBe("alert 70");
    expect(
      await fetch(`${url.replace("https:", "http:")}/livez`).then(
        ({ status }) => status,
        () => "refused",
      ),
    ).toBe("refused");
    expect((await fetch(`${url}/livez`, insecure)).status).toBe(200);
  }
}, 60_000);

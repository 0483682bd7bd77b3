import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSigned } from "../../test/support/certificate.ts";
import { Secret } from "../kernel/secret.ts";
import { lookAtCertificate } from "./certificate-probe.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-certificate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const from = new Date("2026-01-01T00:00:00Z");
const to = new Date("2027-01-01T00:00:00Z");
const pair = selfSigned(from, to);

function file(name: string, text: string): { file: string } {
  writeFileSync(join(folder, name), text);
  return { file: join(folder, name) };
}

test("a pair in files says until when and for what it is good", () => {
  expect(lookAtCertificate(file("c.pem", pair.cert), file("k.pem", pair.key))).toEqual({
    fault: null,
    notBefore: from.getTime(),
    notAfter: to.getTime(),
    names: "DNS:localhost, IP Address:127.0.0.1",
  });
});

test("a pair given as text does too", () => {
  const found = lookAtCertificate({ text: new Secret(pair.cert) }, { text: new Secret(pair.key) });
  expect(found.fault).toBeNull();
});

test("the pair made for tests is one that a TLS server takes", async () => {
  const now = new Date();
  const { cert, key } = selfSigned(new Date(now.getTime() - 60_000), new Date(now.getTime() + 3_600_000));
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { cert, key }, fetch: () => new Response("yes") });
  try {
    expect(await (await fetch(`https://127.0.0.1:${server.port}/`, { tls: { ca: cert } })).text()).toBe("yes");
  } finally {
    await server.stop(true);
  }
});

test.each([
  [
    "a certificate that is not there",
    { file: join(folder, "none.pem") },
    file("k1.pem", pair.key),
    /none\.pem \(SALLYPORT_TLS_CERT\) cannot be read/,
  ],
  [
    "a key that is not there",
    file("c1.pem", pair.cert),
    { file: join(folder, "none.pem") },
    /none\.pem \(SALLYPORT_TLS_KEY\) cannot be read/,
  ],
  [
    "a certificate that is none",
    file("c2.pem", "hello"),
    file("k2.pem", pair.key),
    /c2\.pem \(SALLYPORT_TLS_CERT\) is no PEM certificate/,
  ],
  [
    "a key that is none",
    file("c3.pem", pair.cert),
    file("k3.pem", "hello"),
    /k3\.pem \(SALLYPORT_TLS_KEY\) is no PEM private key/,
  ],
  [
    "files exchanged",
    file("c4.pem", pair.key),
    file("k4.pem", pair.cert),
    /SALLYPORT_TLS_CERT\) is no PEM certificate/,
  ],
  [
    "a key of another certificate",
    file("c5.pem", pair.cert),
    file("k5.pem", selfSigned(from, to).key),
    /does not belong to the certificate/,
  ],
] as const)("%s is told", (_case, cert, key, fault) => {
  expect(lookAtCertificate(cert, key).fault).toMatch(fault);
});

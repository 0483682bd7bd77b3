/** TLS of the listeners: certificate.ts notices new files, listener.ts and newest-socket.ts serve them without a refused connection. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type SecureVersion } from "node:tls";
import { selfSigned } from "../../test/support/certificate.ts";
import { readTls, watchCertificate } from "./certificate.ts";
import { listen } from "./listener.ts";
import { preferNewestSocket } from "./newest-socket.ts";

const folder = mkdtempSync(join(tmpdir(), "tls-"));
const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
const sources = { cert: { file: cert }, key: { file: key } };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const YEAR = 365 * 86_400_000;

/** Puts a new pair in place, by renaming, as certificate tools do. */
function install(): string {
  const pair = selfSigned(new Date(Date.now() - YEAR), new Date(Date.now() + YEAR));
  for (const [file, text] of [
    [cert, pair.cert],
    [key, pair.key],
  ] as const) {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
  return pair.cert;
}

/** The certificate that a new connection is shown, in PEM, and the version spoken. */
function shown(port: number, maxVersion: SecureVersion = "TLSv1.3"): Promise<{ pem: string; version: string | null }> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: "127.0.0.1", port, rejectUnauthorized: false, maxVersion, minVersion: "TLSv1" },
      () => {
        const der = socket.getPeerCertificate().raw;
        resolve({ pem: der.toString("base64"), version: socket.getProtocol() });
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

const body = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, "");

test("a new certificate is served to new connections, without one refused; a broken one is not", async () => {
  const first = install();
  const listener = listen({ hostname: "127.0.0.1", port: 0, tls: readTls(sources), answer: () => new Response("hi") });
  const logged: string[] = [];
  const unwatch = watchCertificate(sources, readTls(sources), [listener], {
    write: (level) => void logged.push(level),
  });
  expect((await shown(listener.port)).pem).toBe(body(first));

  const second = install();
  const end = performance.now() + 10_000;
  let pem = "";
  // Every connection on the way succeeds: `shown` rejects where one does not.
  while (pem !== body(second) && performance.now() < end) pem = (await shown(listener.port)).pem;
  expect(pem).toBe(body(second));
  expect(logged).toEqual(["info"]);

  writeFileSync(cert, "no certificate");
  while (logged.length < 2 && performance.now() < end) await Bun.sleep(50);
  expect(logged).toEqual(["info", "error"]);
  expect((await shown(listener.port)).pem).toBe(body(second));
  unwatch();
  await listener.stop(true);
}, 20_000);

test("TLS 1.2 is spoken, 1.1 is not", async () => {
  install();
  const listener = listen({ hostname: "127.0.0.1", port: 0, tls: readTls(sources), answer: () => new Response("hi") });
  expect((await shown(listener.port, "TLSv1.2")).version).toBe("TLSv1.2");
  await expect(shown(listener.port, "TLSv1.1")).rejects.toThrow();
  await listener.stop(true);
});

test("a port on which nobody listens has no newest socket, and that is no error", () => {
  expect(typeof preferNewestSocket(1)).toBe("boolean");
});

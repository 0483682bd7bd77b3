import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../kernel/secret.ts";
import type { LogLevel } from "../ports/log.ts";
import { readTls, watchCertificate } from "./certificate.ts";
import type { Tls } from "./listener.ts";

const root = mkdtempSync(join(tmpdir(), "certificate-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A watched certificate that every text is good for, but `bad`. */
function watched(link?: (folder: string) => void) {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  const sources = { cert: { file: join(folder, "tls.crt") }, key: { file: join(folder, "tls.key") } };
  if (link === undefined) {
    writeFileSync(sources.cert.file, "cert 1");
    writeFileSync(sources.key.file, "key 1");
  } else link(folder);
  const served: Tls[] = [];
  const said: LogLevel[] = [];
  const listener = {
    renew(tls: Tls) {
      if (tls.cert === "bad") throw new Error("no certificate");
      served.push(tls);
    },
  };
  const log = { write: (level: LogLevel) => void said.push(level) };
  const stop = watchCertificate(sources, readTls(sources), [listener, listener], log);
  return { folder, sources, served, said, stop };
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; await Bun.sleep(10)) if (condition()) return;
  throw new Error("it never came");
}

test("both files together are one renewal, on every listener", async () => {
  const { sources, served, said, stop } = watched();
  writeFileSync(sources.cert.file, "cert 2");
  await Bun.sleep(20);
  writeFileSync(sources.key.file, "key 2");
  await until(() => served.length > 0);
  expect(served).toEqual([
    { cert: "cert 2", key: "key 2" },
    { cert: "cert 2", key: "key 2" },
  ]);
  expect(said).toEqual(["info"]);
  stop();
});

test("one that cannot be used is told of once, and a good one after it is served", async () => {
  const { folder, sources, served, said, stop } = watched();
  writeFileSync(sources.cert.file, "bad");
  await until(() => said.length > 0);
  expect([served, said]).toEqual([[], ["error"]]);
  writeFileSync(join(folder, "other"), "nothing to do with it");
  await Bun.sleep(400);
  expect(said).toEqual(["error"]);
  writeFileSync(sources.cert.file, "cert 3");
  await until(() => served.length > 0);
  expect(said).toEqual(["error", "info"]);
  stop();
});

test("other files of the folder that never rest delay nothing, and renew nothing", async () => {
  const { folder, sources, served, said, stop } = watched();
  let writes = 0;
  const restless = setInterval(() => writeFileSync(join(folder, "ledger"), String(writes++)), 20);
  await Bun.sleep(2_500);
  expect([served, said]).toEqual([[], []]);
  writeFileSync(sources.cert.file, "cert 4");
  await until(() => served.length > 0);
  clearInterval(restless);
  stop();
});

test("files behind a link that is turned, as Kubernetes mounts secrets", async () => {
  const { folder, served, stop } = watched((folder) => {
    for (const version of ["v1", "v2"]) {
      mkdirSync(join(folder, version));
      for (const part of ["crt", "key"]) writeFileSync(join(folder, version, `tls.${part}`), `${part} ${version}`);
    }
    symlinkSync("v1", join(folder, "data"));
    for (const part of ["crt", "key"]) symlinkSync(`data/tls.${part}`, join(folder, `tls.${part}`));
  });
  unlinkSync(join(folder, "data"));
  symlinkSync("v2", join(folder, "data"));
  await until(() => served.length > 0);
  expect(served[0]).toEqual({ cert: "crt v2", key: "key v2" });
  stop();
});

test("PEM texts have no file that could change", () => {
  const text = (value: string) => ({ text: new Secret(value) });
  const sources = { cert: text("cert"), key: text("key") };
  expect(readTls(sources)).toEqual({ cert: "cert", key: "key" });
  watchCertificate(sources, readTls(sources), [], { write: () => {} })();
});

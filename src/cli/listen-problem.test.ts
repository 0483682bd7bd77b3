import { expect, test } from "bun:test";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { listenProblem } from "./listen-problem.ts";

const at = { host: "127.0.0.1", port: 80 };

test("a port that is taken is told with who has it, as far as this system tells", async () => {
  // A free number of a file before the server's: whoever lists this process's files finds one there that is gone at once.
  const before = openSync(import.meta.path, "r");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  closeSync(before);
  const { port } = server.address() as { port: number };
  const { where, message } = await listenProblem("SALLYPORT_LISTEN", { ...at, port }, { code: "EADDRINUSE" }, false);
  server.close();
  expect(where).toBe("SALLYPORT_LISTEN");
  const who = process.platform === "linux" ? `\\S+ \\(process ${process.pid}\\)` : "another program";
  expect(message).toMatch(
    new RegExp(`^is 127.0.0.1:${port}, which is in use by ${who}; .* set SALLYPORT_LISTEN to another port$`),
  );
});

test.each([
  ["EACCES", /this user may not listen.*port above 1023/],
  ["EADDRNOTAVAIL", /cannot listen \(EADDRNOTAVAIL\).*an address of this machine/],
])("%s is told with what to do", async (code, expected) => {
  expect((await listenProblem("SALLYPORT_ADMIN_LISTEN", at, { code }, false)).message).toMatch(expected);
});

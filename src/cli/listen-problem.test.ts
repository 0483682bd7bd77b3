import { expect, test } from "bun:test";
import { listenProblem } from "./listen-problem.ts";

const address = { host: "127.0.0.1", port: 0 };
const error = (code: string) => Object.assign(new Error("x"), { code });

test("a port in use names who uses it, and the variable to set", async () => {
  const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("something else") });
  const problem = await listenProblem(
    "SALLYPORT_LISTEN",
    { host: "127.0.0.1", port: other.port! },
    error("EADDRINUSE"),
    false,
  );
  expect(problem.where).toBe("SALLYPORT_LISTEN");
  expect(problem.message).toContain("in use by");
  expect(problem.message).toContain("set SALLYPORT_LISTEN to another port");
  await other.stop(true);
});

test("a port that this user may not have, and an address that this machine has not", async () => {
  expect((await listenProblem("SALLYPORT_LISTEN", address, error("EACCES"), false)).message).toContain(
    "CAP_NET_BIND_SERVICE",
  );
  expect((await listenProblem("SALLYPORT_LISTEN", address, error("EADDRNOTAVAIL"), false)).message).toContain(
    "EADDRNOTAVAIL",
  );
});

import { expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { selfSigned } from "../../test/support/certificate.ts";
import { gatewayHandler } from "../http/gateway-listener.ts";
import { isOpenIn, listeningInodes, lookAtPort } from "./port-probe.ts";

const host = "127.0.0.1";

async function withServer(
  answer: (request: Request) => Response | Promise<Response>,
  look: (port: number) => Promise<void>,
  tls?: { cert: string; key: string },
): Promise<void> {
  const server = Bun.serve({ port: 0, hostname: host, ...(tls === undefined ? {} : { tls }), fetch: answer });
  try {
    await look(server.port!);
  } finally {
    await server.stop(true);
  }
}

test("a port that nobody has is free, and stays so", async () => {
  let port = 0;
  await withServer(
    () => new Response(),
    async (used) => {
      port = used;
    },
  );
  expect(await lookAtPort({ host, port }, false)).toEqual({ state: "free" });
  expect(await lookAtPort({ host, port }, false)).toEqual({ state: "free" });
});

test("a gateway of ours is known by its health, ready or not, with TLS or without", async () => {
  const state = { ready: true, reason: "draining" };
  const handle = gatewayHandler({ handle: async () => new Response(null, { status: 404 }), ready: () => state });
  const answer = (request: Request) => handle(request, host, { timeout: () => {} });
  await withServer(answer, async (port) => {
    expect(await lookAtPort({ host, port }, false)).toEqual({ state: "sallyport", ready: true, detail: "ready" });
    expect(await lookAtPort({ host: "0.0.0.0", port }, false)).toMatchObject({ state: "sallyport" });
    state.ready = false;
    expect(await lookAtPort({ host, port }, false)).toEqual({
      state: "sallyport",
      ready: false,
      detail: "not ready: draining",
    });
  });
  const now = Date.now();
  const pair = selfSigned(new Date(now - 60_000), new Date(now + 3_600_000));
  await withServer(
    answer,
    async (port) => expect(await lookAtPort({ host, port }, true)).toMatchObject({ state: "sallyport" }),
    pair,
  );
});

test("another web server is another program", async () => {
  for (const body of ["ok", "", "<html>ok\n"]) {
    await withServer(
      () => new Response(body),
      async (port) => expect(await lookAtPort({ host, port }, false)).toMatchObject({ state: "other" }),
    );
  }
});

test("a program that says nothing is given up, and named where the system tells", async () => {
  const server: Server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen({ host, port: 0 }, () => resolve((server.address() as { port: number }).port));
  const port = await promise;
  try {
    const found = await lookAtPort({ host, port }, false);
    expect(found.state).toBe("other");
    if (process.platform === "linux")
      expect(found).toMatchObject({ program: expect.stringContaining(`(process ${process.pid})`) });
  } finally {
    server.close();
  }
});

test("a file that is closed meanwhile hides none of the others", () => {
  const links: Record<string, string> = { "0": "/dev/null", "4": "socket:[22222]", "5": "socket:[11111]" };
  const linkOf = (file: string) => {
    const link = links[file];
    if (link === undefined) throw new Error(`ENOENT: ${file}`);
    return link;
  };
  const sockets = new Set(["11111"]);
  expect(isOpenIn(["0", "3", "4", "5"], linkOf, sockets)).toBe(true);
  expect(isOpenIn(["0", "3", "4"], linkOf, sockets)).toBe(false);
});

test("an address that is none of this machine's is forbidden", async () => {
  expect(await lookAtPort({ host: "192.0.2.1", port: 8080 }, false)).toEqual({
    state: "forbidden",
    why: "EADDRNOTAVAIL",
  });
});

test("of the kernel's table only listening sockets of the very port count", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11111 1
   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 22222 1
   2: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 33333 1
`;
  expect(listeningInodes(table, 8080)).toEqual(["11111"]);
  expect(listeningInodes(table, 8081)).toEqual(["33333"]);
  expect(listeningInodes(table, 80)).toEqual([]);
});

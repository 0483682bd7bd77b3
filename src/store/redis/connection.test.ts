import { expect, test } from "bun:test";
import type { RedisAddress } from "../../config/shared-store.ts";
import { Secret } from "../../kernel/secret.ts";
import { RedisConnection } from "./connection.ts";

/** A server that greets, and says nothing to whatever else it is asked. */
function silentServer() {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        if (bytes.toString().includes("HELLO")) socket.write("%1\r\n+server\r\n+redis\r\n");
      },
    },
  });
}

test("a server that takes the connection and then says nothing is away, each time it is tried", async () => {
  const server = silentServer();
  const url = `redis://127.0.0.1:${server.port}`;
  const address = { url: new Secret(url), shown: url } as RedisAddress;
  const connection = new RedisConnection(address, "", 50);
  const told = () => Promise.race([connection.connect().catch(String), Bun.sleep(3_000)]);
  try {
    expect(await told()).toBe("RedisAway: no answer");
    expect(await told()).toStartWith("RedisAway: ");
  } finally {
    connection.close();
    server.stop(true);
  }
});

/**
 * The bare relay: the least that a proxy of model calls can be on this runtime, and the measure for what
 * Sallyport's controls cost. No authentication, no parsing, no limits, no log. It does stop the upstream when
 * the caller leaves, and reads no faster than the caller does: a relay that does not is no relay for streams.
 * Usage: bun bench/peers/relay.ts <port> <upstream origin>
 */
const upstream = process.argv[3]!;

async function relay(request: Request): Promise<Response> {
  const leave = new AbortController();
  request.signal.addEventListener("abort", () => leave.abort());
  const answer = await fetch(upstream + new URL(request.url).pathname, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer upstream-key" },
    body: await request.arrayBuffer(),
    signal: leave.signal,
    redirect: "manual",
  });
  const headers = { "content-type": answer.headers.get("content-type") ?? "application/octet-stream" };
  if (answer.headers.has("content-length")) {
    return new Response(await answer.arrayBuffer(), { status: answer.status, headers });
  }
  const reader = answer.body!.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      leave.abort();
      await reader.cancel();
    },
  });
  return new Response(body, { status: answer.status, headers });
}

Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), idleTimeout: 0, fetch: relay });

import { describe, expect, test } from "bun:test";
import { selfSigned } from "../../test/support/certificate.ts";
import type { MediumDemand } from "../ports/media.ts";
import { MediumRefused } from "../ports/media.ts";
import { Egress } from "./egress.ts";
import { createMedia, type Get } from "./media.ts";

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);
const PDF = new TextEncoder().encode("%PDF-1.7\n");
const clock = { now: () => 0, ticks: () => 0 };

/** A network in which names have addresses, and each connection is written down. */
function network(
  names: Record<string, string[] | (() => string[])>,
  answer: (path: string) => Response | Promise<Response>,
) {
  const asked: { url: string; host: string; serverName: string; headers: Record<string, string> }[] = [];
  const resolve = async (host: string) => {
    const known = names[host];
    return (typeof known === "function" ? known() : known) ?? [];
  };
  const get: Get = async (url, init) => {
    const headers = init.headers as Record<string, string>;
    const { serverName } = init.tls as { serverName: string };
    asked.push({ url, host: headers.host!, serverName, headers });
    expect(init.redirect).toBe("manual");
    expect(init.proxy as unknown).toBe(false);
    const { pathname, search } = new URL(url);
    return answer(pathname + search);
  };
  const media = createMedia(new Egress(clock, resolve), { maxBytes: 1_000, timeoutMs: 5_000 }, get);
  return { asked, media };
}

const image = (bytes: Uint8Array = PNG, type = "image/png", headers: Record<string, string> = {}) =>
  new Response(bytes as unknown as string, { headers: { "content-type": type, ...headers } });

function demand(over: Partial<MediumDemand> = {}): MediumDemand {
  return { kind: "image", signal: new AbortController().signal, take: () => {}, ...over };
}

const PUBLIC = { "cdn.example": ["93.184.215.14"] };

/** Why it was refused; fails where it was not. */
async function refusal(fetching: Promise<unknown>): Promise<string> {
  const thrown = await fetching.then(
    () => expect.unreachable("it was fetched"),
    (cause: unknown) => cause,
  );
  expect(thrown).toBeInstanceOf(MediumRefused);
  return (thrown as Error).message;
}

test("an image on a public address is fetched from the address that was checked, under its own name", async () => {
  const { media, asked } = network(PUBLIC, () => image());
  expect(await media.fetch("https://cdn.example/a.png?x=1#top", demand())).toEqual({
    mediaType: "image/png",
    bytes: PNG,
  });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    url: "https://93.184.215.14/a.png?x=1",
    host: "cdn.example",
    serverName: "cdn.example",
  });
  expect(Object.keys(asked[0]!.headers).sort()).toEqual(["accept", "accept-encoding", "host", "user-agent"]);
});

describe("nobody reaches what is inside by naming it", () => {
  const inside = [
    ..."127.0.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 0 10.0.0.1 192.168.0.1 172.31.255.255".split(" "),
    ..."169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 100.64.0.1 ①②⑦.0.0.1 127。0。0。1 %31%32%37.0.0.1".split(
      " ",
    ),
    ..."[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:a9fe:a9fe] [::127.0.0.1] [::7f00:1] [fd00:ec2::254]".split(
      " ",
    ),
    ..."[fe80::1] [64:ff9b::7f00:1] [64:ff9b:1::a9fe:a9fe] [2002:7f00:1::] [2001:0:7f00:1::] [::ffff:0:7f00:1]".split(
      " ",
    ),
    ..."localhost localhost. LOCALHOST inside.example metadata.google.internal mixed.example six.example nowhere.example".split(
      " ",
    ),
  ];
  const names = {
    localhost: ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "inside.example": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "mixed.example": ["93.184.215.14", "192.168.1.1"],
    "six.example": ["fd00::1"],
  };
  test.each(inside)("%s", async (host) => {
    const { media, asked } = network(names, () => image());
    expect(await refusal(media.fetch(`https://${host}/latest/meta-data`, demand()))).toBe(
      "cannot be fetched from its address",
    );
    expect(asked).toEqual([]);
  });

  test("the same names are reached where they are public, so it is the address that refuses them", async () => {
    for (const host of ["inside.example", "mixed.example", "six.example", "metadata.google.internal"]) {
      const { media, asked } = network({ [host]: ["93.184.215.14"] }, () => image());
      await media.fetch(`https://${host}/latest/meta-data`, demand());
      expect(asked).toHaveLength(1);
    }
  });

  test("a second answer of the name service is never used", async () => {
    const answers = [["93.184.215.14"], ["127.0.0.1"]];
    const { media, asked } = network({ "cdn.example": () => answers.shift()! }, () => image());
    await media.fetch("https://cdn.example/a", demand());
    expect(asked.map(({ url }) => url)).toEqual(["https://93.184.215.14/a"]);
    expect(answers).toHaveLength(1);
  });

  test("a redirect is looked up again, so a name that has moved inside meanwhile is not followed there", async () => {
    const answers = [["93.184.215.14"], ["169.254.169.254"]];
    const moved = new Response(null, { status: 302, headers: { location: "/b" } });
    const { media, asked } = network({ "cdn.example": () => answers.shift()! }, () => moved);
    await refusal(media.fetch("https://cdn.example/a", demand()));
    expect(asked).toHaveLength(1);
  });

  test("what cannot be reached is told like what may not be", async () => {
    const { media } = network(PUBLIC, () => Promise.reject(new Error("ECONNREFUSED 93.184.215.14")));
    expect(await refusal(media.fetch("https://cdn.example/a", demand()))).toBe("cannot be fetched from its address");
  });
});

describe("an address that is not plainly one is refused before anything is asked", () => {
  test.each([
    ["http://cdn.example/a", "has an address that is not https"],
    ["ftp://cdn.example/a", "has an address that is not https"],
    ["file:///etc/passwd", "has an address that is not https"],
    ["gopher://cdn.example:70/_x", "has an address that is not https"],
    ["javascript:alert(1)", "has an address that is not https"],
    ["https://user@cdn.example/a", "has an address with credentials"],
    ["https://user:word@cdn.example/a", "has an address with credentials"],
    ["https://cdn.example%2f@127.0.0.1/", "has an address with credentials"],
    ["https://:word@cdn.example/a", "has an address with credentials"],
    ["https://cdn.example:8443/a", "has an address with a port"],
    ["https://cdn.example:22/", "has an address with a port"],
    ["https://", "has an address that is none"],
    ["//cdn.example/a", "has an address that is none"],
    ["cdn.example/a", "has an address that is none"],
    ["https://exa mple/", "has an address that is none"],
    [`https://cdn.example/${"a".repeat(9_000)}`, "has an address of more than 8192 characters"],
  ])("%s", async (url, why) => {
    const { media, asked } = network(PUBLIC, () => image());
    expect(await refusal(media.fetch(url, demand()))).toBe(why);
    expect(asked).toEqual([]);
  });

  test("the usual port may be named, which is no port to a URL", async () => {
    const { media } = network(PUBLIC, () => image());
    await media.fetch("https://cdn.example:443/a", demand());
  });
});

describe("redirects", () => {
  const names = { ...PUBLIC, "other.example": ["93.184.215.15"], localhost: ["127.0.0.1"] };
  const to = (location: string | null, status = 302) =>
    new Response(null, { status, headers: location === null ? {} : { location } });

  test.each([301, 302, 303, 307, 308])("of status %d to another path of the same host are followed", async (status) => {
    const { media, asked } = network(names, (path) => (path === "/a" ? to("/b?c", status) : image()));
    await media.fetch("https://cdn.example/a", demand());
    expect(asked.map(({ url }) => new URL(url).pathname)).toEqual(["/a", "/b"]);
  });

  test.each([
    ["http://cdn.example/b", "has an address that is not https"],
    ["https://other.example/b", "is answered with a redirect to another host"],
    ["//other.example/b", "is answered with a redirect to another host"],
    ["https://169.254.169.254/latest/meta-data", "is answered with a redirect to another host"],
    ["https://localhost/", "is answered with a redirect to another host"],
    ["https://x@cdn.example/", "has an address with credentials"],
    ["https://cdn.example:8443/", "has an address with a port"],
    ["file:///etc/passwd", "has an address that is not https"],
    [null, "is answered with a redirect that leads nowhere"],
  ])("to %s are not", async (location, why) => {
    const { media, asked } = network(names, () => to(location));
    expect(await refusal(media.fetch("https://cdn.example/a", demand()))).toBe(why);
    expect(asked).toHaveLength(1);
  });

  test("without end are not", async () => {
    const { media, asked } = network(names, () => to("/a"));
    expect(await refusal(media.fetch("https://cdn.example/a", demand()))).toBe("is answered with too many redirects");
    expect(asked).toHaveLength(4);
  });
});

describe("what comes is what was asked for, or nothing", () => {
  const no = "is no image of a type that is taken";
  const rows: [string, () => Response, string][] = [
    ["a page", () => image(new TextEncoder().encode("<html>"), "text/html"), no],
    ["a page that says it is an image", () => image(new TextEncoder().encode("<html>")), no],
    ["an image that says it is a page", () => image(PNG, "text/html"), no],
    ["a drawing, which may hold scripts", () => image(new TextEncoder().encode("<svg/>"), "image/svg+xml"), no],
    ["a document", () => image(PDF, "application/pdf"), no],
    ["nothing", () => image(new Uint8Array(0)), no],
    ["an image without a type", () => new Response(PNG, { headers: { "content-type": "" } }), no],
    ["a failure", () => new Response("no", { status: 404 }), "is answered with status 404 instead of 200"],
    [
      "a part",
      () => new Response(PNG, { status: 206, headers: { "content-type": "image/png" } }),
      "is answered with status 206 instead of 200",
    ],
    ["more than is taken", () => image(new Uint8Array(1_001)), "has more than 1000 bytes"],
    [
      "more than is taken, as its length says",
      () => image(PNG, "image/png", { "content-length": "1001" }),
      "has more than 1000 bytes",
    ],
  ];
  test.each(rows)("%s is refused", async (_what, answer, why) => {
    const { media } = network(PUBLIC, answer);
    expect(await refusal(media.fetch("https://cdn.example/a", demand()))).toBe(why);
  });

  test("its type is what its bytes say", async () => {
    const { media } = network(PUBLIC, () => image(PNG, "image/jpeg"));
    expect((await media.fetch("https://cdn.example/a", demand())).mediaType).toBe("image/png");
    const untyped = network(PUBLIC, () => image(PDF, "binary/octet-stream"));
    const got = await untyped.media.fetch("https://cdn.example/a", demand({ kind: "document" }));
    expect(got.mediaType).toBe("application/pdf");
  });

  test("a body without end is let go of at the bound", async () => {
    let cancelled = false;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(400)),
          cancel: () => {
            cancelled = true;
          },
        }),
        { headers: { "content-type": "image/png" } },
      );
    const { media } = network(PUBLIC, endless);
    let taken = 0;
    const counting = demand({
      take(bytes) {
        taken += bytes;
      },
    });
    expect(await refusal(media.fetch("https://cdn.example/a", counting))).toBe("has more than 1000 bytes");
    expect(taken).toBeLessThanOrEqual(1_000);
    expect(cancelled).toBe(true);
  });

  test("what `take` throws ends it", async () => {
    const full = new Error("full");
    const { media } = network(PUBLIC, () => image());
    const fetching = media.fetch(
      "https://cdn.example/a",
      demand({
        take: () => {
          throw full;
        },
      }),
    );
    expect(await fetching.catch((thrown) => thrown)).toBe(full);
  });
});

describe("time", () => {
  test("that is up refuses it, wherever it waits", async () => {
    for (const names of [{ "cdn.example": ["93.184.215.14"] }, { "cdn.example": () => [] as string[] }]) {
      const never = () => new Promise<Response>(() => {});
      const resolve = async (host: string) => {
        if (Array.isArray(names["cdn.example"])) return names["cdn.example"];
        return new Promise<string[]>(() => void host);
      };
      const media = createMedia(new Egress(clock, resolve), { maxBytes: 1, timeoutMs: 20 }, never);
      expect(await refusal(media.fetch("https://cdn.example/a", demand()))).toBe("did not arrive in time");
    }
  });

  test("of a caller who has left is over", async () => {
    const controller = new AbortController();
    const { media } = network(PUBLIC, () => new Promise<Response>(() => {}));
    const fetching = media.fetch("https://cdn.example/a", demand({ signal: controller.signal }));
    const left = new Error("left");
    controller.abort(left);
    expect(await fetching.catch((thrown) => thrown)).toBe(left);
  });
});

test("a server whose certificate is nobody's is not believed", async () => {
  const at = Date.now();
  const tls = selfSigned(new Date(at - 60_000), new Date(at + 60_000));
  let reached = 0;
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls,
    fetch() {
      reached++;
      return image();
    },
  });
  // The network's only pretence: the public address is this server.
  const there: Get = (url, init) => fetch(url.replace("93.184.215.14", `127.0.0.1:${server.port}`), init);
  const resolve = async () => ["93.184.215.14"];
  const settings = { maxBytes: 1_000, timeoutMs: 5_000 };
  const media = createMedia(new Egress(clock, resolve), settings, there);
  expect(await refusal(media.fetch("https://localhost/a", demand()))).toBe("cannot be fetched from its address");
  expect(reached).toBe(0);

  const trusting: Get = (url, init) => there(url, { ...init, tls: { ...(init.tls as object), ca: tls.cert } });
  const named = createMedia(new Egress(clock, resolve), settings, trusting);
  expect((await named.fetch("https://localhost/a", demand())).mediaType).toBe("image/png");
  expect(await refusal(named.fetch("https://cdn.example/a", demand()))).toBe("cannot be fetched from its address");
  expect(reached).toBe(1);
});

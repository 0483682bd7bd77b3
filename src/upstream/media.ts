import { type Media, type Medium, type MediumDemand, type MediumKind, MediumRefused } from "../ports/media.ts";
import type { Egress } from "./egress.ts";

export interface MediaSettings {
  /** Largest image or document, in bytes. */
  maxBytes: number;
  /** From the first look-up to the last byte, redirects included, in milliseconds. */
  timeoutMs: number;
}

/** Anthropic's and Bedrock's largest images are below 5 MB, their documents below 32 and 4.5 MB. */
export const MEDIA_SETTINGS: MediaSettings = { maxBytes: 20 * 1024 * 1024, timeoutMs: 15_000 };

/** `fetch`, or what stands for it in a test. */
export type Get = (url: string, init: BunFetchRequestInit) => Promise<Response>;

/** Longer than any signed address of the large clouds. */
const MAX_URL = 8_192;

/** Redirects lead to other paths of the same host only, and each is checked like the first address. */
const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What servers call files that they know nothing of. */
const NO_TYPE: ReadonlySet<string> = new Set(["application/octet-stream", "binary/octet-stream"]);

/** Types by the first bytes. No text is among them: guardrails have looked at the prompt already. */
const TYPES: Readonly<Record<MediumKind, readonly (readonly [mediaType: string, magic: RegExp])[]>> = {
  image: [
    ["image/png", /^\x89PNG\r\n\x1a\n/],
    ["image/jpeg", /^\xff\xd8\xff/],
    ["image/gif", /^GIF8[79]a/],
    ["image/webp", /^RIFF.{4}WEBP/s],
  ],
  document: [["application/pdf", /^%PDF-/]],
};

const UNREACHABLE = "cannot be fetched from its address";

/**
 * Fetches for strangers, so it believes nothing of what they name: the address must be HTTPS at the
 * usual port without credentials, every address of its name must be public, the connection goes to
 * the address that was checked, and what comes must be by its own bytes what was asked for. Sends
 * nothing of the caller's, and no cookie or key of anybody's.
 */
export function createMedia(egress: Egress, settings: MediaSettings = MEDIA_SETTINGS, get: Get = fetch): Media {
  return {
    async fetch(url, demand) {
      const timeout = AbortSignal.timeout(settings.timeoutMs);
      const signal = AbortSignal.any([demand.signal, timeout]);
      try {
        return await orAborted(fetchMedium(checked(url), { ...demand, signal }, egress, settings, get), signal);
      } catch (thrown) {
        demand.signal.throwIfAborted();
        if (timeout.aborted) throw new MediumRefused("did not arrive in time");
        throw thrown;
      }
    },
  };
}

async function fetchMedium(
  first: URL,
  demand: MediumDemand,
  egress: Egress,
  settings: MediaSettings,
  get: Get,
): Promise<Medium> {
  let url = first;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await ask(url, demand, egress, get);
    if (!REDIRECTS.has(response.status)) return read(response, demand, settings);
    letGo(response);
    const location = response.headers.get("location");
    if (location === null) throw new MediumRefused("is answered with a redirect that leads nowhere");
    const next = checked(location, url);
    if (next.hostname !== first.hostname) throw new MediumRefused("is answered with a redirect to another host");
    url = next;
  }
  throw new MediumRefused("is answered with too many redirects");
}

/** @throws MediumRefused */
function checked(text: string, base?: URL): URL {
  if (text.length > MAX_URL) throw new MediumRefused(`has an address of more than ${MAX_URL} characters`);
  if (!URL.canParse(text, base?.href)) throw new MediumRefused("has an address that is none");
  const url = new URL(text, base?.href);
  if (url.protocol !== "https:") throw new MediumRefused("has an address that is not https");
  if (url.username !== "" || url.password !== "") throw new MediumRefused("has an address with credentials");
  if (url.port !== "") throw new MediumRefused("has an address with a port");
  url.hash = "";
  return url;
}

async function ask(url: URL, demand: MediumDemand, egress: Egress, get: Get): Promise<Response> {
  try {
    const pin = await egress.pin(url.origin, false);
    demand.signal.throwIfAborted();
    return await get(pin.origin + url.pathname + url.search, {
      method: "GET",
      headers: {
        host: pin.host,
        accept: TYPES[demand.kind].map(([mediaType]) => mediaType).join(", "),
        "accept-encoding": "identity",
        "user-agent": "sallyport",
      },
      redirect: "manual",
      credentials: "omit",
      // Otherwise Bun obeys HTTPS_PROXY. The types do not know `false`.
      proxy: false as unknown as string,
      tls: { serverName: pin.serverName ?? "" },
      // Connections are not kept: they would outlive the check of their address.
      keepalive: false,
      signal: demand.signal,
    });
  } catch {
    demand.signal.throwIfAborted();
    // Why is not told: whether a name exists inside, or a port is open there, is nobody's business.
    throw new MediumRefused(UNREACHABLE);
  }
}

async function read(response: Response, demand: MediumDemand, { maxBytes }: MediaSettings): Promise<Medium> {
  const refuse = (reason: string): never => {
    letGo(response);
    throw new MediumRefused(reason);
  };
  if (response.status !== 200) refuse(`is answered with status ${response.status} instead of 200`);
  const types = TYPES[demand.kind];
  const declared = response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const isTaken =
    NO_TYPE.has(declared) || types.some(([mediaType]) => mediaType === declared) || declared === "image/jpg";
  if (!isTaken) refuse(`is no ${demand.kind} of a type that is taken`);
  if (Number(response.headers.get("content-length") ?? 0) > maxBytes) refuse(tooLarge(maxBytes));
  const bytes = await readBytes(response, demand, maxBytes);
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const found = types.find(([, magic]) => magic.test(head));
  if (found === undefined) throw new MediumRefused(`is no ${demand.kind} of a type that is taken`);
  return { mediaType: found[0], bytes };
}

async function readBytes(response: Response, demand: MediumDemand, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array(0);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        demand.signal.throwIfAborted();
        throw new MediumRefused(UNREACHABLE);
      });
      if (done) return Buffer.concat(chunks, size);
      size += value.length;
      if (size > maxBytes) throw new MediumRefused(tooLarge(maxBytes));
      demand.take(value.length);
      chunks.push(value);
    }
  } finally {
    // After the end it does nothing.
    void reader.cancel().catch(() => {});
  }
}

function tooLarge(maxBytes: number): string {
  return `has more than ${maxBytes} bytes`;
}

function letGo(response: Response): void {
  void response.body?.cancel().catch(() => {});
}

/** A look-up of a name cannot be broken off; nobody need wait for it. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

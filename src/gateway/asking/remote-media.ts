import { GatewayError } from "../../errors.ts";
import { type Media, type Medium, type MediumKind, MediumRefused } from "../../ports/media.ts";
import { type ProviderAdapter, UnsupportedFeature } from "../../spec/adapter.ts";
import type { DocumentPart, ImagePart, Message, Part, ToolResultPart } from "../../spec/message.ts";
import { placeOf } from "../../spec/place.ts";
import type { ModelRequest } from "../../spec/request.ts";
import type { BodyLedger } from "../arrival/body.ts";
import type { CleanRequest } from "../guard-input.ts";

/** Images and documents of one call that are fetched. More may be sent as bytes. */
const MAX_MEDIA = 20;

/** Bytes of all of them together. */
const MAX_MEDIA_BYTES = 50 * 1024 * 1024;

/** Beyond HTTPS an address may be a place that only a provider knows (`gs:`, `s3:`): that is the adapter's to judge. */
const ON_THE_WEB = /^https?:/i;

/** The request as a provider can read it. */
export type WithBytes = (clean: CleanRequest, adapter: ProviderAdapter) => ModelRequest | Promise<ModelRequest>;

/**
 * Puts bytes in the place of addresses for providers that fetch nothing themselves, where the API
 * lets the gateway do it. What one target needed, the next one finds.
 */
export function createWithBytes(media: Media, ledger: BodyLedger): WithBytes {
  const baskets = new WeakMap<CleanRequest, Basket>();
  return function withBytes(clean, { capabilities }) {
    const { request } = clean;
    if (clean.hold.grant.api.remoteMedia !== true) return request;
    const wanted: Wanted = {
      image: capabilities.imageBytes && !capabilities.imageUrl,
      document: capabilities.documents && !capabilities.documentUrl,
    };
    const found = remoteParts(request, wanted);
    if (found.length === 0) return request;
    let basket = baskets.get(clean);
    if (basket === undefined) {
      basket = new Basket(clean, media, ledger);
      baskets.set(clean, basket);
    }
    return replaced(request, found, basket);
  };
}

type Wanted = Readonly<Record<MediumKind, boolean>>;
type MediumPart = ImagePart | DocumentPart;

/** A part whose bytes are elsewhere, and the caller's field that says where. */
interface Remote {
  part: MediumPart;
  url: string;
  field: string;
}

function remoteParts(request: ModelRequest, wanted: Wanted): Remote[] {
  const found: Remote[] = [];
  for (const [at, message] of request.messages.entries()) {
    for (const [place, part] of message.parts.entries()) {
      for (const inner of part.type === "tool-result" ? part.content : [part]) {
        if ((inner.type !== "image" && inner.type !== "document") || !wanted[inner.type]) continue;
        const { source } = inner;
        if (source.kind !== "url" || !ON_THE_WEB.test(source.url)) continue;
        found.push({ part: inner, url: source.url, field: placeOf(request, at, place) });
      }
    }
  }
  return found;
}

async function replaced(request: ModelRequest, found: readonly Remote[], basket: Basket): Promise<ModelRequest> {
  const fetched = new Map<Part, MediumPart>();
  await basket.all(found, (remote, { mediaType, data }) => {
    fetched.set(remote.part, { ...remote.part, source: { kind: "base64", mediaType, data } });
  });
  const swap = <P extends Part>(part: P): P => (fetched.get(part) as P | undefined) ?? part;
  const inner = (part: Part): Part =>
    part.type === "tool-result"
      ? { ...part, content: part.content.map(swap) as ToolResultPart["content"] }
      : swap(part);
  const messages = request.messages.map((message): Message => ({ ...message, parts: message.parts.map(inner) }));
  return { ...request, messages };
}

interface Encoded {
  mediaType: string;
  /** base64 */
  data: string;
}

/** What has been fetched for one call. It ends with the call. */
class Basket {
  readonly #clean: CleanRequest;
  readonly #media: Media;
  readonly #ledger: BodyLedger;
  readonly #fetched = new Map<string, Promise<Encoded>>();
  readonly #controller = new AbortController();
  #bytes = 0;
  #held = 0;
  #failed: { thrown: unknown } | undefined;

  constructor(clean: CleanRequest, media: Media, ledger: BodyLedger) {
    this.#clean = clean;
    this.#media = media;
    this.#ledger = ledger;
    clean.call.onAbort((reason) => this.#controller.abort(reason));
    clean.call.onEnd(() => {
      this.#controller.abort(new MediumRefused("came when the call was over"));
      ledger.bytes -= this.#held;
    });
  }

  /** Fetches all, each address once. @throws UnsupportedFeature naming the field of the first that cannot be had */
  async all(found: readonly Remote[], got: (remote: Remote, encoded: Encoded) => void): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed.thrown;
    // What is fetched has a time of its own; that of the caller's body is over.
    this.#clean.call.expect("deadline_exceeded", Number.MAX_SAFE_INTEGER);
    await Promise.all(
      found.map(async (remote) => {
        try {
          got(remote, await this.#one(remote));
        } catch (thrown) {
          this.#failed ??= { thrown: thrown instanceof MediumRefused ? refused(remote, thrown) : thrown };
          // Nobody needs the others any more.
          this.#controller.abort(thrown);
          throw this.#failed.thrown;
        }
      }),
    );
  }

  #one({ part, url }: Remote): Promise<Encoded> {
    const key = `${part.type} ${url}`;
    let fetching = this.#fetched.get(key);
    if (fetching === undefined) {
      fetching = this.#fetch(part.type, url);
      this.#fetched.set(key, fetching);
    }
    return fetching;
  }

  async #fetch(kind: MediumKind, url: string): Promise<Encoded> {
    if (this.#fetched.size >= MAX_MEDIA)
      throw new MediumRefused(`is one of more than ${MAX_MEDIA} that would have to be fetched`);
    const { signal } = this.#controller;
    const medium: Medium = await this.#media.fetch(url, { kind, signal, take: (bytes) => this.#claim(bytes) });
    return { mediaType: medium.mediaType, data: Buffer.from(medium.bytes).toString("base64") };
  }

  /** Counted like a body, before it is there, for as long as the call lasts. @throws GatewayError overloaded */
  #claim(bytes: number): void {
    this.#controller.signal.throwIfAborted();
    this.#bytes += bytes;
    if (this.#bytes > MAX_MEDIA_BYTES) {
      throw new MediumRefused(`is part of more than ${MAX_MEDIA_BYTES} bytes that would have to be fetched`);
    }
    const held = Math.ceil((bytes * 4) / 3);
    this.#held += held;
    this.#ledger.bytes += held;
    if (this.#ledger.bytes > this.#ledger.max) {
      throw new GatewayError("overloaded", "The gateway has as many calls as it can carry; call again in a moment.", {
        retryAfterMs: 1_000,
      });
    }
  }
}

function refused({ part, field }: Remote, { message }: MediumRefused): UnsupportedFeature {
  return new UnsupportedFeature(
    field,
    `The ${part.type} in ${field} ${message}; the model's provider takes bytes only.`,
  );
}

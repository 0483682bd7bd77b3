/** What is taken: images, or documents. */
export type MediumKind = "image" | "document";

/** Something that was fetched for a caller. */
export interface Medium {
  /** By its first bytes, not by what its server says. */
  mediaType: string;
  bytes: Uint8Array;
}

export interface MediumDemand {
  kind: MediumKind;
  signal: AbortSignal;
  /** Told of bytes before they are kept; what it throws ends the fetching. */
  take(bytes: number): void;
}

/** Fetches what callers name by address: over HTTPS, from public addresses only, within bounds of size and time. */
export interface Media {
  /** @throws MediumRefused, the reason of the signal, or what `take` threw */
  fetch(url: string, demand: MediumDemand): Promise<Medium>;
}

/**
 * It cannot be had. The message is for the caller, who chose the address: it tells nothing of
 * networks, so that nobody can look around in ours by asking.
 */
export class MediumRefused extends Error {
  override readonly name = "MediumRefused";
}

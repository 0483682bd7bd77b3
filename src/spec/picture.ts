/** A picture that a model made, as it came. Where only its address is known, the type is `image/*`. */
export type Picture = { mediaType: string; data: string } | { mediaType: string; url: string };

/** What a dialect's answers can hold: bytes in base64, or an address as well; `none` where no answer has a picture. */
export type PicturesTold = "none" | "bytes" | "any";

const DATA_URL = /^data:(image\/[\w.+-]+);base64,/i;

/** @param url an address, or a data URL (RFC 2397) */
export function pictureAt(url: string): Picture {
  const match = DATA_URL.exec(url.slice(0, 128));
  if (match === null) return { mediaType: "image/*", url };
  return { mediaType: match[1]!.toLowerCase(), data: url.slice(match[0].length) };
}

/** First bytes of the kinds of pictures that models take and make, in base64. */
const KINDS: readonly (readonly [start: string, mediaType: string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
];

/** What bytes in base64 are that do not say it but by how they begin; PNG, where nobody knows. */
export function pictureTypeOf(data: string): string {
  return KINDS.find(([start]) => data.startsWith(start))?.[1] ?? "image/png";
}

/** The picture's address, which may hold the picture itself. */
export function addressOf(picture: Picture): string {
  return "url" in picture ? picture.url : `data:${picture.mediaType};base64,${picture.data}`;
}

export function canTell(told: PicturesTold, picture: Picture): boolean {
  return told === "any" || (told === "bytes" && "data" in picture);
}

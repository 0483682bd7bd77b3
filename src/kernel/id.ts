/** Random bytes are injected, so that tests may repeat a run. */
export type RandomBytes = (count: number) => Uint8Array;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32, lower case: no i, l, o, u

/** What a caller may give as the id of its request: it stands in headers, logs and records. */
export const WELL_FORMED_REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** `count` characters of Crockford base 32, 5 random bits each. */
export function randomText(random: RandomBytes, count: number): string {
  const bytes = random(count);
  let text = "";
  for (let i = 0; i < count; i++) text += ALPHABET[bytes[i]! & 31];
  return text;
}

/**
 * A name for a thing that sorts by time of birth: prefix, 10 characters of milliseconds,
 * 16 random characters (80 bits). `call_01jd3v9k2m…`
 */
export function timeOrderedId(prefix: string, now: number, random: RandomBytes): string {
  return `${prefix}_${timeText(now)}${randomText(random, 16)}`;
}

let lastTime = -1;
let lastText = "";

/** Many things are born in one millisecond. */
function timeText(now: number): string {
  if (now === lastTime) return lastText;
  // In halves of 25 bits: the remainder of a number that is no small integer is a slow thing to ask for.
  const upper = Math.floor(now / 2 ** 25);
  lastTime = now;
  lastText = fiveCharacters(upper) + fiveCharacters(now - upper * 2 ** 25);
  return lastText;
}

function fiveCharacters(bits: number): string {
  let text = "";
  for (let shift = 20; shift >= 0; shift -= 5) text += ALPHABET[(bits >>> shift) & 31];
  return text;
}

/** Asks the system for random bytes in pages of 4 KiB, because each asking costs more than the bytes do. No byte is given twice. */
export function pooled(random: RandomBytes): RandomBytes {
  let pool = new Uint8Array(0);
  let at = 0;
  return (count) => {
    if (count > 1_024) return random(count);
    if (at + count > pool.length) {
      pool = new Uint8Array(random(4_096));
      at = 0;
    }
    at += count;
    return pool.subarray(at - count, at);
  };
}

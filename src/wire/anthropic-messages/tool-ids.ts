/**
 * Anthropic's tool ids have letters, digits, `_` and `-`. Other providers' ids have more
 * (`functions.search:0`), and some of their models read meaning out of them, so an id goes
 * to the caller in a form that Anthropic's dialect allows and comes back as it was.
 */
const ALLOWED = /^[\w-]+$/;
const PREFIX = "toolu_id_";

export function idForCaller(id: string): string {
  if (ALLOWED.test(id) && !id.startsWith(PREFIX)) return id;
  return PREFIX + Buffer.from(id).toString("base64url");
}

/** The reverse of `idForCaller`; an id that is not ours stays as it is. */
export function idFromCaller(id: string): string {
  if (!id.startsWith(PREFIX)) return id;
  const original = Buffer.from(id.slice(PREFIX.length), "base64url").toString();
  return idForCaller(original) === id ? original : id;
}

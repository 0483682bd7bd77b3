/** A field's name as lenient servers read it: `MAX_TOKENS`, `maxTokens` and `max-tokens` are one. */
export function foldedName(name: string): string {
  return name.replace(/[_-]/g, "").toLowerCase();
}

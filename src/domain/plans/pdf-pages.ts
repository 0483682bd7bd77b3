/** No provider reads more of one file (Anthropic: 600, Gemini: 1,000). */
const MOST_PAGES = 1_000;

/**
 * Pages of a PDF, as far as they stand in it uncompressed: its page objects, or what the root of their tree counts
 * (ISO 32000-1, 7.7.3). A file whose pages stand in compressed object streams is large for its pages, and its
 * bytes count as well.
 * @param base64 in either alphabet (RFC 4648): Google reads both
 * @returns at least 1
 */
export function pdfPages(base64: string): number {
  const text = Buffer.from(base64, "base64").toString("latin1");
  let pages = 0;
  let trees = 0;
  let most = 1;
  for (const { 0: found, index } of text.matchAll(/\/Type\s{0,16}\/Pages?(?![A-Za-z])/g)) {
    if (!found.endsWith("s")) pages++;
    else if (++trees <= MOST_PAGES) most = Math.max(most, countIn(text, index));
    if (pages >= MOST_PAGES) break;
  }
  return Math.min(Math.max(most, pages), MOST_PAGES);
}

/** No dictionary of a page tree reaches further: a thousand pages are listed in less. */
const NEAR = 16_384;

/** `/Count` of the dictionary around a place. */
function countIn(text: string, at: number): number {
  const near = text.slice(Math.max(0, at - NEAR), at);
  const before = near.slice(Math.max(0, near.lastIndexOf("<<")));
  const [after = ""] = text.slice(at, at + NEAR).split(">>", 1);
  const count = /\/Count\s{1,16}(\d{1,9})/;
  return Number(count.exec(before)?.[1] ?? count.exec(after)?.[1] ?? 1);
}

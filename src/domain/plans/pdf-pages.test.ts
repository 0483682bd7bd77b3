import { expect, test } from "bun:test";
import { pdfPages } from "./pdf-pages.ts";

const pages = (text: string) => pdfPages(btoa(`%PDF-1.4\n${text}\n%%EOF`));
const PAGE = "<< /Type /Page /Parent 2 0 R >>\n";

test.each<[string, string, number]>([
  ["its page objects", PAGE.repeat(12), 12],
  ["what its tree counts", "<< /Type /Pages /Kids [3 0 R 3 0 R 3 0 R] /Count 300 >>", 300],
  ["the same, in another order", "<</Count 40/Kids [3 0 R]/Type/Pages>>", 40],
  ["the larger of both", `<< /Type /Pages /Count 2 >>${PAGE.repeat(5)}`, 5],
  ["one where none can be seen", "<< /Type /ObjStm /N 100 >>", 1],
  ["not its outline", `${PAGE}<< /Type /Outlines /Count 900 >>`, 1],
  ["no more than anybody reads", "<< /Type /Pages /Count 999999999 >>", 1_000],
])("the pages of a file are %s", (_, text, count) => expect(pages(text)).toBe(count));

test("they are seen in the alphabet for addresses too, without padding and over lines", () => {
  const base64 = btoa(`<< /Type /Pages /Count 77 >>\xfb\xff\xbf`);
  expect(base64).toMatch(/[+/]/);
  expect(pdfPages(base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""))).toBe(77);
  expect(pdfPages(base64.replace(/.{20}/g, "$&\r\n"))).toBe(77);
});

test("what is no base64 is one page", () => expect(pdfPages("%%%")).toBe(1));

test("ten megabytes of it are looked through at once", () => {
  const big = btoa("/Type   /Page <<".repeat(650_000));
  const begun = performance.now();
  expect(pdfPages(big)).toBe(1_000);
  expect(pdfPages(btoa("/Type /Pages ".repeat(200_000)))).toBe(1);
  expect(performance.now() - begun).toBeLessThan(3_000);
});

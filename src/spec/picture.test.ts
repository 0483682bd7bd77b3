import { expect, test } from "bun:test";
import { addressOf, canTell, type Picture, pictureAt } from "./picture.ts";

test("a picture in its own address is its bytes, and goes back into one", () => {
  const rows: [string, Picture][] = [
    ["data:image/png;base64,QUJD", { mediaType: "image/png", data: "QUJD" }],
    ["DATA:image/svg+xml;base64,QUJD", { mediaType: "image/svg+xml", data: "QUJD" }],
    ["https://a.example/x.png", { mediaType: "image/*", url: "https://a.example/x.png" }],
    ["data:text/html;base64,QUJD", { mediaType: "image/*", url: "data:text/html;base64,QUJD" }],
    ["data:image/png,%41", { mediaType: "image/*", url: "data:image/png,%41" }],
  ];
  for (const [url, picture] of rows) {
    expect(pictureAt(url)).toEqual(picture);
    expect(addressOf(picture).toLowerCase()).toBe(url.toLowerCase());
  }
});

test("an address is told only where there is a place for one", () => {
  const [bytes, at] = [pictureAt("data:image/png;base64,QQ=="), pictureAt("https://a")];
  expect([canTell("any", bytes), canTell("any", at)]).toEqual([true, true]);
  expect([canTell("bytes", bytes), canTell("bytes", at)]).toEqual([true, false]);
  expect([canTell("none", bytes), canTell("none", at)]).toEqual([false, false]);
});

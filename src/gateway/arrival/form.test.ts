import { describe, expect, test } from "bun:test";
import { isForm, readForm, writeForm } from "./form.ts";

const TYPE = "multipart/form-data; boundary=there";
const bytes = (text: string) => new TextEncoder().encode(text);
const field = (name: string, value: string) =>
  `--there\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, value: string, type = "audio/mpeg") =>
  `--there\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]) => bytes(`${parts.join("")}--there--\r\n`);

describe("A form", () => {
  test("is known by its content type", () => {
    expect(isForm("multipart/form-data; boundary=x")).toBe(true);
    expect(isForm("Multipart/Form-Data")).toBe(true);
    expect(isForm("multipart/mixed; boundary=x")).toBe(false);
    expect(isForm(undefined)).toBe(false);
  });

  test("is read as fields and files, a repeated field as a list", async () => {
    const read = await readForm(
      form(field("model", "m"), field("a[]", "1"), field("a[]", "2"), file("x.mp3", "\0\x01")),
      TYPE,
    );
    expect(read.fields).toEqual({ model: "m", "a[]": ["1", "2"] });
    expect(read.files).toEqual([{ field: "file", name: "x.mp3", mediaType: "audio/mpeg", bytes: bytes("\0\x01") }]);
  });

  test.each([
    ["that has no end", bytes(field("model", "m")), TYPE],
    ["that is none", bytes("nonsense"), TYPE],
    ["without a boundary", form(field("model", "m")), "multipart/form-data"],
    ["with __proto__", form(field("__proto__", "m")), TYPE],
    ["of too many fields", form(...Array.from({ length: 300 }, (_, index) => field(`f${index}`, "1"))), TYPE],
  ])("%s is refused", async (_what, body, type) => {
    await expect(readForm(body, type)).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("that is written can be read again, whatever its names and files hold", async () => {
    const files = [
      { field: 'f"\r\nx: y', name: 'a"b\r\n.wav', mediaType: "audio/wav", bytes: bytes("--there--\r\n\r\n") },
    ];
    const written = writeForm({ model: "m", list: ["1", "2"], number: 0.5, none: null }, files, "b-1");
    const read = await readForm(written, "multipart/form-data; boundary=b-1");
    expect(read.fields).toEqual({ model: "m", list: ["1", "2"], number: "0.5" });
    expect(read.files).toHaveLength(1);
    expect(read.files[0]!.bytes).toEqual(files[0]!.bytes);
    expect(new TextDecoder().decode(written)).not.toContain("\r\nx: y");
  });

  test("never carries a header that a file's type smuggles", () => {
    const files = [{ field: "f", name: "a", mediaType: "audio/wav\r\nx-evil: 1", bytes: bytes("") }];
    expect(new TextDecoder().decode(writeForm({}, files, "b"))).not.toContain("x-evil");
  });
});

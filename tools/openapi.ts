/**
 * Writes docs/openapi.json from the operations, or with `--check` fails when the file is
 * not what the operations say.
 */
import { join } from "node:path";
import { openApiDocument } from "../src/admin/openapi.ts";
import { OPERATIONS } from "../src/admin/operations.ts";

const root = join(import.meta.dir, "..");
const file = join(root, "docs", "openapi.json");
const { version } = (await Bun.file(join(root, "package.json")).json()) as { version: string };
const wanted = `${JSON.stringify(openApiDocument(OPERATIONS, version), null, 2)}\n`;

if (process.argv.includes("--check")) {
  const found = await Bun.file(file)
    .text()
    .catch(() => "");
  if (found !== wanted) {
    console.error("docs/openapi.json is not what src/admin/operations.ts says; run: sh bin/bun tools/openapi.ts");
    process.exit(1);
  }
} else {
  await Bun.write(file, wanted);
}

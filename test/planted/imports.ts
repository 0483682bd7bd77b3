/**
 * Small trees of files: one that breaks a rule of tools/import-rules.ts, and a control
 * that comes as near to it as is allowed. tools/imports.test.ts shows that the rule bites.
 */

type Tree = Record<string, string>;

export interface PlantedImports {
  rule: string;
  violation: Tree;
  control: Tree;
}

const value = "export const x = 1;";
const type = "export type X = 1;";

export const PLANTED_IMPORTS: readonly PlantedImports[] = [
  {
    rule: "kernel is a leaf",
    violation: { "src/kernel/a.ts": 'import type { X } from "../spec/b.ts";', "src/spec/b.ts": type },
    control: {
      "src/kernel/a.ts": 'import { createHmac } from "node:crypto"; import "./b.ts";',
      "src/kernel/b.ts": value,
    },
  },
  {
    rule: "spec knows only kernel",
    violation: { "src/spec/a.ts": 'import type { X } from "../errors.ts";', "src/errors.ts": type },
    control: { "src/spec/a.ts": 'import type { X } from "../kernel/b.ts";', "src/kernel/b.ts": type },
  },
  {
    rule: "wire is pure",
    violation: { "src/wire/a.ts": 'import { readFileSync } from "node:fs";' },
    control: { "src/wire/a.ts": 'import { z } from "zod"; import "../spec/b.ts";', "src/spec/b.ts": value },
  },
  {
    rule: "providers are pure",
    violation: { "src/providers/p/a.ts": 'export { X } from "../../wire/b.ts";', "src/wire/b.ts": value },
    control: { "src/providers/p/a.ts": 'import "../b.ts";', "src/providers/b.ts": value },
  },
  {
    rule: "domain is pure",
    violation: { "src/domain/plans/a.ts": 'const db = await import("bun:sqlite");' },
    control: { "src/domain/plans/a.ts": 'import "../../kernel/b.ts";', "src/kernel/b.ts": value },
  },
  {
    rule: "pure rooms ask the world nothing",
    violation: { "src/domain/plans/a.ts": "export const late = () => Date.now() > 5;" },
    control: {
      "src/domain/plans/a.ts":
        'export const late = (now: number) => new Date(now); // not Date.now()\nconst x = "fetch()";',
      "src/gateway/b.ts": "export const now = () => Date.now();",
    },
  },
  {
    rule: "domain rooms are islands",
    violation: {
      "src/domain/plans/a.ts": 'import type { X } from "../access/b.ts";',
      "src/domain/access/b.ts": type,
    },
    control: { "src/domain/plans/a.ts": 'import "./b.ts";', "src/domain/plans/b.ts": value },
  },
  {
    rule: "providers are islands",
    violation: {
      "src/providers/anthropic/a.ts": 'import "../openai/b.ts";',
      "src/providers/openai/b.ts": value,
    },
    control: {
      "src/providers/openai-compatible/a.ts": 'import "../openai/b.ts";',
      "src/providers/openai/b.ts": 'import "./c.ts";',
      "src/providers/openai/c.ts": value,
      "src/providers/index.ts": 'import "./openai/b.ts";',
    },
  },
  {
    rule: "clouds lean on the makers of what they host",
    violation: {
      "src/providers/bedrock/a.ts": 'import "../demo/b.ts";',
      "src/providers/demo/b.ts": value,
    },
    control: {
      "src/providers/bedrock/a.ts": 'import "../anthropic/b.ts"; import "./c.ts"; import "../d.ts";',
      "src/providers/bedrock/c.ts": value,
      "src/providers/anthropic/b.ts": value,
      "src/providers/d.ts": value,
    },
  },
  {
    rule: "lookalikes lean on openai alone",
    violation: {
      "src/providers/openai-compatible/a.ts": 'import "../anthropic/b.ts";',
      "src/providers/anthropic/b.ts": value,
    },
    control: {
      "src/providers/openai-compatible/a.ts": 'import "../openai/b.ts"; import "./c.ts";',
      "src/providers/openai-compatible/c.ts": value,
      "src/providers/openai/b.ts": value,
    },
  },
  {
    rule: "the data plane does not know the control plane",
    violation: { "src/gateway/a.ts": 'import "../admin/b.ts";', "src/admin/b.ts": value },
    control: { "src/gateway/a.ts": 'import "../ports/b.ts";', "src/ports/b.ts": value },
  },
  {
    rule: "beside the road it leans one way",
    violation: { "src/gateway/metering/a.ts": 'import "../asking/b.ts";', "src/gateway/asking/b.ts": value },
    control: { "src/gateway/asking/a.ts": 'import "../metering/b.ts";', "src/gateway/metering/b.ts": value },
  },
  {
    rule: "the control plane does not know the data plane",
    violation: { "src/admin/a.ts": 'import type { X } from "../gateway/b.ts";', "src/gateway/b.ts": type },
    control: { "src/admin/a.ts": 'import "../ports/b.ts";', "src/ports/b.ts": value },
  },
  {
    rule: "ports know no implementation",
    violation: { "src/ports/a.ts": 'import type { Database } from "bun:sqlite";' },
    control: { "src/ports/a.ts": 'import type { X } from "../domain/plans/b.ts";', "src/domain/plans/b.ts": type },
  },
  {
    rule: "only compose picks implementations",
    violation: { "src/gateway/a.ts": 'import "../store/b.ts";', "src/store/b.ts": value },
    control: {
      "src/compose.ts": 'import "./store/b.ts";',
      "src/store/b.ts": 'import "./c.ts";',
      "src/store/c.ts": value,
    },
  },
  {
    rule: "implementations do not know each other",
    violation: { "src/store/a.ts": 'import "../vault/b.ts";', "src/vault/b.ts": value },
    control: { "src/store/a.ts": 'import "./sqlite/b.ts";', "src/store/sqlite/b.ts": value },
  },
  {
    rule: "one unsealer",
    violation: { "src/admin/a.ts": "export function peek(unsealer: { open(x: string): string }) {}" },
    control: {
      "src/gateway/asking/account-key.ts": "export function openWith(unsealer: { open(x: string): string }) {}",
      "src/admin/a.ts": "export function keep(sealer: { seal(x: string): string }) {} // the unsealer is not here",
    },
  },
  {
    rule: "the unsealer is handed on unopened",
    violation: { "src/compose.ts": "export const key = (vault: { open(x: string): string }) => vault.open('x');" },
    control: {
      "src/gateway/gateway.ts": "export const pass = (ports: { unsealer: object }) => ({ unsealer: ports.unsealer });",
    },
  },
  {
    rule: "an opened key has two readers",
    violation: { "src/gateway/settle.ts": "export const key = (ports: { openKey(): string }) => ports.openKey();" },
    control: { "src/gateway/asking/trial.ts": "export const key = (ports: { openKey(): string }) => ports.openKey();" },
  },
  {
    rule: "the console speaks HTTP",
    violation: { "console/a.ts": 'import type { X } from "../src/errors.ts";', "src/errors.ts": type },
    control: { "console/a.ts": 'import "./b.ts";', "console/b.ts": value },
  },
  {
    rule: "examples are strangers",
    violation: { "examples/a.ts": 'import "../src/main.ts";' },
    control: { "examples/a.ts": 'import OpenAI from "openai";' },
  },
  {
    rule: "the product does not know its workshop",
    violation: { "src/cli/a.ts": 'import "../../test/b.ts";', "test/b.ts": value },
    control: { "src/cli/a.test.ts": 'import "../../test/b.ts";', "test/b.ts": value },
  },
  {
    rule: "packages are declared",
    violation: { "src/store/a.ts": 'import { z } from "zod"; import OpenAI from "openai";' },
    control: { "src/store/a.ts": 'import { z } from "zod/v4";', "src/store/a.test.ts": 'import OpenAI from "openai";' },
  },
  {
    rule: "no circles",
    violation: {
      "src/gateway/a.ts": 'import "./b.ts";',
      "src/gateway/b.ts": 'import type { X } from "./c.ts";',
      "src/gateway/c.ts": 'import "./a.ts"; export type X = 1;',
    },
    control: {
      "src/gateway/a.ts": 'import "./b.ts"; import "./c.ts";',
      "src/gateway/b.ts": 'import "./c.ts";',
      "src/gateway/c.ts": value,
    },
  },
  {
    rule: "no orphans",
    violation: { "src/gateway/a.test.ts": 'import "./a.ts";', "src/gateway/a.ts": value },
    control: { "src/main.ts": 'import "./gateway/a.ts";', "src/gateway/a.ts": value },
  },
];

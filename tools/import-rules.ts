/**
 * Who may import whom. A line of code finds its room by one question: does it decide
 * (domain), translate (wire, providers), order (gateway, admin), or touch the world
 * (store, upstream, vault, http)? Each row has a planted violation and a control in
 * test/planted/imports.ts. Three more rules need no row: no circles, no orphans, and
 * every imported package is declared.
 */

export interface Rule {
  name: string;
  why: string;
  /** The files it speaks about. Tests are never meant. */
  from: RegExp;
  except?: RegExp;
  /** The only targets allowed: paths in the checkout, `npm:zod`, `node:fs`, `bun:sqlite`. */
  only?: RegExp;
  /** Targets that are not allowed. A group that both patterns name `room` must differ. */
  never?: RegExp;
  /** Code that must not stand in the file. */
  code?: RegExp;
}

/** Time, chance, network, disk, environment: what a pure function never asks. */
const WORLD =
  /(?<![.\w])(?:Date\.now|new Date\(\s*\)|Math\.random|process\.|Bun\.|fetch\(|set(?:Timeout|Interval|Immediate)\(|performance\.|crypto\.|console\.|globalThis\b|import\.meta)|\b(?:randomBytes|randomUUID|randomInt|getRandomValues)\b/;

export const RULES: readonly Rule[] = [
  {
    name: "kernel is a leaf",
    why: "what everything stands on must stay still",
    from: /^src\/kernel\//,
    only: /^(?:src\/kernel\/|node:crypto$|npm:ipaddr\.js$)/,
  },
  {
    name: "spec knows only kernel",
    why: "the canonical call belongs to no dialect, provider or plane",
    from: /^src\/spec\//,
    only: /^src\/(?:spec|kernel)\//,
  },
  {
    name: "wire is pure",
    why: "a dialect is bytes in, values out",
    from: /^src\/wire\//,
    only: /^(?:src\/(?:wire|spec|kernel)\/|npm:zod$)/,
  },
  {
    name: "providers are pure",
    why: "an adapter is tested with recorded bytes, so it has no network, key or clock",
    from: /^src\/providers\//,
    only: /^(?:src\/(?:providers|spec|kernel)\/|npm:zod$)/,
  },
  {
    name: "domain is pure",
    why: "a decision depends on what it is given and on nothing else",
    from: /^src\/domain\//,
    only: /^(?:src\/(?:domain|spec|kernel)\/|npm:zod$)/,
  },
  {
    name: "pure rooms ask the world nothing",
    why: "time, chance and environment are handed in, so that a test owns them",
    from: /^src\/(?:kernel|spec|wire|providers|domain)\//,
    code: WORLD,
  },
  {
    name: "domain rooms are islands",
    why: "a decision that needs two rooms is made where both are called",
    from: /^src\/domain\/(?<room>[^/]+)\//,
    never: /^src\/domain\/(?<room>[^/]+)\//,
  },
  {
    name: "providers are islands",
    why: "removing a provider is deleting its folder; only lookalikes and clouds lean on others",
    from: /^src\/providers\/(?!(?:openai-compatible|azure-openai|bedrock|vertex)\/)(?<room>[^/]+)\//,
    never: /^src\/providers\/(?<room>[^/]+)\//,
  },
  {
    name: "clouds lean on the makers of what they host",
    why: "Claude on Bedrock or Vertex is asked as Anthropic is; what a maker's folder knows is not written twice",
    from: /^src\/providers\/(?<room>azure-openai|bedrock|vertex)\//,
    never: /^src\/providers\/(?!(?:anthropic|google|openai)\/)(?<room>[^/]+)\//,
  },
  {
    name: "lookalikes lean on openai alone",
    why: "openai-compatible is a table over one dialect",
    from: /^src\/providers\/openai-compatible\//,
    never: /^src\/providers\/(?!openai\/|openai-compatible\/)[^/]+\//,
  },
  {
    name: "the data plane does not know the control plane",
    why: "a call must not depend on what administers it",
    from: /^src\/gateway\//,
    never: /^src\/admin\//,
  },
  {
    name: "beside the road it leans one way",
    why: "how a body is read, what it costs and what is told of a failure does not depend on who is asked",
    from: /^src\/gateway\/(?:arrival|metering|telling)\//,
    never: /^src\/gateway\/(?:asking|objects|answering)\//,
  },
  {
    name: "the control plane does not know the data plane",
    why: "administering must not reach into calls",
    from: /^src\/admin\//,
    never: /^src\/gateway\//,
  },
  {
    name: "ports know no implementation",
    why: "a port is what two planes need from the world, in their words",
    from: /^src\/ports\//,
    only: /^src\/(?:ports|domain|spec|kernel|errors\.ts)/,
  },
  {
    name: "only compose picks implementations",
    why: "everyone else speaks to a port, so an implementation can be exchanged in one place",
    from: /^src\//,
    except: /^src\/(?:compose(?:-[a-z]+)?\.ts|store\/|upstream\/|vault\/)/,
    never: /^src\/(?:store|upstream|vault)\//,
  },
  {
    name: "implementations do not know each other",
    why: "what they share is in the ports",
    from: /^src\/(?<room>store|upstream|vault)\//,
    never: /^src\/(?<room>store|upstream|vault)\//,
  },
  {
    name: "one unsealer",
    why: "one file opens providers' keys; whoever reviews key handling begins there",
    from: /^src\//,
    except: /^src\/(?:gateway\/(?:asking\/account-key|gateway)\.ts|ports\/vault\.ts|vault\/|compose\.ts)/,
    code: /\b[uU]nsealer\b|\bvault\.open\b/,
  },
  {
    name: "the unsealer is handed on unopened",
    why: "whoever assembles the road passes it to where keys are opened, and to nobody else",
    from: /^src\/(?:gateway\/gateway|compose)\.ts$/,
    code: /\b(?:[uU]nsealer|vault)\.open\b/,
  },
  {
    name: "an opened key has two readers",
    why: "dispatch asks for callers and the trial for administrators; nobody else asks providers as the account",
    from: /^src\//,
    except: /^src\/gateway\/(?:gateway|dispatch|asking\/(?:account-key|trial))\.ts$/,
    code: /\b(?:openKey|createOpenKey|OpenKey)\b/,
  },
  {
    name: "the console speaks HTTP",
    why: "it can be removed, replaced or hosted elsewhere",
    from: /^console\//,
    never: /^src\//,
  },
  {
    name: "examples are strangers",
    why: "they show what a user can do with the published interface",
    from: /^examples\//,
    never: /^(?:src|test|tools)\//,
  },
  {
    name: "the product does not know its workshop",
    why: "tests, tools and benchmarks are not on a user's machine",
    from: /^src\//,
    never: /^(?:test|tools|bench|console)\/|[/-]contract\.ts$|\.test\.ts$/,
  },
];

/** Picks what commands look at a machine with. Apart from compose.ts, so that no command loads a whole gateway. */
import packageJson from "../package.json" with { type: "json" };
import type { Probes } from "./cli/probe.ts";
import { createProbes } from "./cli/probes.ts";
import type { World } from "./compose.ts";
import type { Clock } from "./kernel/clock.ts";
import { providerKeyContext } from "./ports/vault.ts";
import { ADAPTERS } from "./providers/adapters.ts";
import { inspectDirectory, inspectLedger, inspectLock } from "./store/sqlite/inspect.ts";
import { Egress } from "./upstream/egress.ts";
import { createUpstream } from "./upstream/send.ts";
import { canOpen } from "./vault/envelope.ts";
import { fingerprintOf, MASTER_KEY_FILE, MASTER_KEY_SETTING } from "./vault/keyring.ts";

const clock: Clock = { now: () => Date.now(), ticks: () => performance.now() };

export function composeProbes({ env, readFile }: Pick<World, "env" | "readFile">): Probes {
  return createProbes({
    clock,
    bun: { running: Bun.version, pinned: packageJson.optionalDependencies["@oven/bun-linux-x64"] },
    masterKeyFile: MASTER_KEY_FILE,
    inspectDirectory,
    inspectLedger,
    inspectLock,
    inspectShared: async (address) => (await import("./store/postgres/inspect.ts")).inspectShared(address),
    opens: (master, provider) => canOpen(master.reveal(), provider.sealedKey ?? "", providerKeyContext(provider)),
    masterKeySetting: MASTER_KEY_SETTING,
    fingerprint: fingerprintOf,
    env,
    readFile,
    kinds: ADAPTERS,
    upstream: createUpstream(new Egress(clock), clock),
  });
}

/** The load generator's process. Usage: bun bench/load/main.ts '<Job as JSON>'; prints an Outcome as JSON. */
import type { Job, Outcome } from "./job.ts";
import { closed, hold, open, soak } from "./modes.ts";

function run(job: Job): Promise<Outcome> {
  switch (job.mode) {
    case "closed":
      return closed(job);
    case "open":
      return open(job);
    case "hold":
      return hold(job);
    case "soak":
      return soak(job);
  }
}

const outcome = await run(JSON.parse(process.argv[2]!) as Job);
await Bun.write(Bun.stdout, `${JSON.stringify(outcome)}\n`);
process.exit(0);

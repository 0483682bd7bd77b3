/**
 * How faithful the gateway is, proved on recorded calls of real providers: `npm run conformance`.
 *
 *   npm run conformance               every method, one table each
 *   npm run conformance -- A G        only these
 *   npm run conformance -- --wrong    also what is wrong, one line each
 *   npm run conformance -- --seed 7   other random chunkings
 *
 * The recordings stand in a folder beside the checkout that users do not have; without it, this says so and exits 2.
 * Exits 1 where anything differs from a recording without a reason in test/support/fidelity-*.ts.
 */
import { reasonsOf, sumOf, tableOf, wrongOf } from "../test/conformance/figures.ts";
import { conform, METHODS, type Method } from "../test/conformance/run.ts";
import { recordingsAreHere, WHERE_RECORDINGS_ARE } from "../test/support/recordings.ts";

const LEGEND = `A cell is identical/listed/wrong: listed differences have a reason below, wrong ones have none.
Genuine ones are those that a provider is known to have said. Comparable ones are those of which the author asks
two providers for the same. By the digest alone: by the recordings' own digest and comparison and nothing else, without
the fields that only this judge reads (test/support/digests.ts), and with "auto" another choice of tools than none said.`;

/** @returns the exit code. */
export async function conformance(
  args: readonly string[],
  { here = recordingsAreHere, say = (line: string) => console.error(line) } = {},
): Promise<number> {
  if (!here) {
    say(`conformance: the recordings are missing: ${WHERE_RECORDINGS_ARE}. Nothing was tried.`);
    return 2;
  }
  const at = args.indexOf("--seed");
  const seed = at === -1 ? 20_261_122 : Number(args[at + 1]);
  const named = args.filter((arg): arg is Method => Object.hasOwn(METHODS, arg));
  const methods = named.length > 0 ? named : (Object.keys(METHODS) as Method[]);
  const figures = await conform({ methods, seed, say });
  console.log(`\n${LEGEND}\nRandom chunkings are those of seed ${seed}.`);
  let wrong = 0;
  for (const method of methods) {
    console.log(`\n${method}, ${METHODS[method]}\n\n${tableOf(figures, method)}\n`);
    for (const line of reasonsOf(figures, method)) console.log(line);
    if (args.includes("--wrong")) for (const line of wrongOf(figures, method)) console.log(`wrong: ${line}`);
    wrong += sumOf(figures.of(method).map(({ figure }) => figure)).wrong;
  }
  console.log(`\n${wrong} wrong`);
  return wrong === 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await conformance(process.argv.slice(2)));

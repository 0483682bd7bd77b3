import type { Accepted } from "./accept.ts";
import type { Grant } from "./authorize.ts";
import type { Arrival, Call } from "./call.ts";
import type { Decoded } from "./decode.ts";
import type { Answer } from "./dispatch.ts";
import type { CleanRequest } from "./guard-input.ts";
import type { CleanAnswer } from "./guard-output.ts";
import type { Identified } from "./identify.ts";
import type { Located } from "./locate.ts";
import type { Hold } from "./reserve.ts";
import type { Routed } from "./route.ts";
import type { Settled } from "./settle.ts";

/** The stages of the road. Each takes the ticket that only the one before it can make. */
export interface Stages {
  begin(arrival: Arrival): Call;
  accept(call: Call): Accepted;
  identify(accepted: Accepted): Identified | Promise<Identified>;
  listModels(caller: Identified): Promise<Response>;
  listObjects(caller: Identified): Promise<Response>;
  decode(caller: Identified): Promise<Decoded>;
  locate(decoded: Decoded): Located | Promise<Located>;
  authorize(located: Located): Grant;
  reserve(grant: Grant): Promise<Hold>;
  settle(hold: Hold, answering: () => Promise<CleanAnswer>): Promise<Settled>;
  guardInput(hold: Hold): Promise<CleanRequest>;
  route(clean: CleanRequest): Routed;
  dispatch(routed: Routed): Promise<Answer>;
  guardOutput(answer: Answer): CleanAnswer;
  respond(settled: Settled): Promise<Response>;
  refuse(call: Call, thrown: unknown): Promise<Response>;
}

/**
 * The road: every call, streamed or not, in whatever dialect, goes through here from top to
 * bottom. settle encloses what follows reserve, so that nothing can happen to a Hold
 * without it.
 */
export function createHandle(stages: Stages) {
  return async function handle(arrival: Arrival): Promise<Response> {
    const call = stages.begin(arrival);
    try {
      const accepted = stages.accept(call);
      const caller = await stages.identify(accepted);
      const { kind } = caller.match.endpoint;
      if (kind === "models") return await stages.listModels(caller);
      if (kind !== "call") return await stages.listObjects(caller);
      const decoded = await stages.decode(caller);
      const located = await stages.locate(decoded);
      const grant = stages.authorize(located);
      const hold = await stages.reserve(grant);
      const settled = await stages.settle(hold, async () => {
        const clean = await stages.guardInput(hold);
        const routed = stages.route(clean);
        const answer = await stages.dispatch(routed);
        return stages.guardOutput(answer);
      });
      return await stages.respond(settled);
    } catch (thrown) {
      return stages.refuse(call, thrown);
    }
  };
}

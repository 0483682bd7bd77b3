/**
 * Stages in a wrong order. Every line marked `// refused` must fail to type-check, and no
 * other line may: test/types/order.test.ts compiles this file and compares.
 */

import type { Grant } from "../../src/gateway/authorize.ts";
import type { Arrival } from "../../src/gateway/call.ts";
import type { Stages } from "../../src/gateway/handle.ts";
import type { Identified } from "../../src/gateway/identify.ts";

export async function rightOrder(stages: Stages, arrival: Arrival) {
  const call = stages.begin(arrival);
  const accepted = stages.accept(call);
  const caller = await stages.identify(accepted);
  const decoded = await stages.decode(caller);
  const grant = stages.authorize(await stages.locate(decoded));
  const hold = await stages.reserve(grant);
  const clean = await stages.guardInput(hold);
  const routed = stages.route(clean);
  const answer = await stages.dispatch(routed);
  const guarded = stages.guardOutput(answer);
  const settled = await stages.settle(hold, async () => guarded);
  return stages.respond(settled);
}

export async function wrongOrders(stages: Stages, arrival: Arrival) {
  const call = stages.begin(arrival);
  const accepted = stages.accept(call);
  const caller = await stages.identify(accepted);
  const decoded = await stages.decode(caller);
  const grant = stages.authorize(await stages.locate(decoded));
  const hold = await stages.reserve(grant);
  const clean = await stages.guardInput(hold);
  const answer = await stages.dispatch(stages.route(clean));

  stages.identify(call); // refused: nothing has been accepted
  await stages.decode(accepted); // refused: a stranger's body is not read
  await stages.locate(caller); // refused: nothing is known of what is asked
  stages.authorize(decoded); // refused: nobody knows whose the files in it are
  await stages.reserve(decoded); // refused: nothing has been granted
  await stages.guardInput(grant); // refused: guards cost money, and nothing is held
  stages.route(hold); // refused: the request has not been guarded
  await stages.dispatch(clean); // refused: there is no target
  stages.guardOutput(clean); // refused: there is no answer
  await stages.settle(hold, async () => answer); // refused: the answer has not been guarded
  await stages.respond(stages.guardOutput(answer)); // refused: the Hold is not settled
}

export function forged(caller: Identified): Grant {
  return { ...caller, madeBy: "authorize" }; // refused: only authorize can make one
}

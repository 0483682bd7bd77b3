import type { Clock } from "../kernel/clock.ts";
import { type RandomBytes, timeOrderedId } from "../kernel/id.ts";
import { openaiChat } from "../wire/openai-chat/index.ts";
import type { Watch } from "./arrival/watch.ts";
import { type Arrival, Call } from "./call.ts";

/** Gives a request its id, deadline and abort signal, and puts it under watch. Cannot fail, so that every failure has a call. */
export function createBegin(clock: Clock, random: RandomBytes, watch: Watch, totalMs: number) {
  return function begin(arrival: Arrival): Call {
    const call = new Call(arrival, timeOrderedId("call", clock.now(), random), openaiChat, clock, totalMs);
    watch.add(call);
    call.onEnd(() => watch.remove(call));
    return call;
  };
}

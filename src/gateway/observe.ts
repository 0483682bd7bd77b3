import type { Stages } from "./handle.ts";

/** Wraps the stages that come before a Hold so that a refusal can tell how far the call had got. The page of the road stays free of it. */
export function observe(stages: Stages): Stages {
  return {
    ...stages,
    async identify(accepted) {
      const caller = await stages.identify(accepted);
      caller.call.reached.principal = caller.principal;
      return caller;
    },
    async decode(caller) {
      const decoded = await stages.decode(caller);
      decoded.call.reached.request = decoded.request;
      return decoded;
    },
    async locate(decoded) {
      const located = await stages.locate(decoded);
      located.call.reached.request = located.request;
      return located;
    },
    authorize(located) {
      const grant = stages.authorize(located);
      grant.call.reached.granted = grant;
      return grant;
    },
    async reserve(grant) {
      const hold = await stages.reserve(grant);
      hold.call.reached.held = true;
      return hold;
    },
  };
}

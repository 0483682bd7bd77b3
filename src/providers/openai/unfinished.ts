import type { JsonObject } from "../../kernel/json.ts";
import type { ModelRequest } from "../../spec/request.ts";
import { BEGINS_ANEW, MAY_BEGIN_ANEW, unfinishedText } from "../unfinished.ts";
import type { Losses } from "./losses.ts";
import type { Quirks } from "./quirks.ts";

/** Asks the server to go on with the assistant's last turn, in its own words. `body` has its messages. @throws UnsupportedFeature */
export function writeUnfinished(request: ModelRequest, { continues }: Quirks, losses: Losses, body: JsonObject): void {
  if (unfinishedText(request) === undefined) return;
  switch (continues) {
    case "unasked":
      return;
    case "prefix":
    case "partial":
      (body.messages as JsonObject[]).at(-1)![continues] = true;
      return;
    case "continue_final_message":
      // They exclude each other, and the second is the default.
      body.continue_final_message = true;
      body.add_generation_prompt = false;
      return;
    case "unknown":
      losses.warn("messages", MAY_BEGIN_ANEW);
      return;
    case "never":
      losses.refuse("messages", BEGINS_ANEW);
  }
}

import { bodyField, isKnownParameter, knownParameters } from "../domain/catalog/known-parameters.ts";
import type { Document } from "./document.ts";
import { didYouMean } from "./nearest.ts";
import type { Finding } from "./references.ts";

/** What is no error, and probably not what was meant. */
export function adviceOn({ apis }: Document): Finding[] {
  return apis.flatMap(({ parameters }, at) =>
    (["allow", "deny"] as const).flatMap((list) =>
      (parameters?.[list] ?? []).flatMap((word, place) =>
        isKnownParameter(word)
          ? []
          : [{ path: ["apis", at, "parameters", list, place], message: unknownParameter(word) }],
      ),
    ),
  );
}

function unknownParameter(word: string): string {
  const near = didYouMean(word, knownParameters());
  const own = `a field of one provider's is written ${JSON.stringify(bodyField(word))}`;
  return `unknown parameter ${JSON.stringify(word)}${near === "" ? `; ${own}` : `${near} (${own})`}`;
}

import type { Json, JsonObject } from "../../src/kernel/json.ts";

/** A difference that is meant. */
export interface ListedDifference {
  path: RegExp;
  /** `was → is`, as JSON of at most 60 characters each. */
  change: RegExp;
  why: string;
}

/** What every dialect says by saying nothing. */
export const UNSAID: readonly ListedDifference[] = [
  { path: /./, change: /^null → undefined$/, why: "null and absent are the same in every request field" },
  { path: /^\.stream$/, change: /^false → undefined$/, why: "unary is the default" },
];

/** Where two JSON values differ, as `path: was → is`, without what is listed. */
export function differencesBeside(
  listed: readonly ListedDifference[],
  was: Json | undefined,
  is: Json | undefined,
): string[] {
  return differences(was, is, "").filter((difference) => {
    const [path, change] = difference.split(": ", 2) as [string, string];
    return !listed.some((row) => row.path.test(path) && row.change.test(change));
  });
}

function differences(was: Json | undefined, is: Json | undefined, path: string): string[] {
  if (was !== null && is !== null && typeof was === "object" && typeof is === "object") {
    const names = new Set([...Object.keys(was), ...Object.keys(is)]);
    const [a, b] = [was as JsonObject, is as JsonObject];
    if (Array.isArray(was) === Array.isArray(is)) {
      return [...names].flatMap((name) => differences(a[name], b[name], `${path}.${name}`));
    }
  }
  return was === is ? [] : [`${path}: ${JSON.stringify(was)?.slice(0, 60)} → ${JSON.stringify(is)?.slice(0, 60)}`];
}

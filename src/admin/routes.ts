import type { Operation } from "./operation.ts";

export type Route =
  | { found: Operation; path: Record<string, string> }
  /** The path is known, the method is not: the methods it has. */
  | { found: null; allow: string[] }
  | undefined;

/** What may stand for `{name}` in a path. Percent escapes are none of it, so no two spellings mean one resource. */
const SEGMENT = /^[A-Za-z0-9._~:-]{1,128}$/;

/**
 * Finds operations by method and path. A path matches as it is written: an empty segment,
 * a trailing slash, another case or an escape is another path, and there is nothing at it.
 */
export function createRouter(operations: readonly Operation[]): (method: string, pathname: string) => Route {
  const rows = operations.map((operation) => ({ operation, steps: operation.path.split("/") }));
  return (method, pathname) => {
    const steps = pathname.split("/");
    const allow: string[] = [];
    for (const row of rows) {
      const path = match(row.steps, steps);
      if (path === undefined) continue;
      if (row.operation.method === method || (method === "HEAD" && row.operation.method === "GET")) {
        return { found: row.operation, path };
      }
      allow.push(...(row.operation.method === "GET" ? ["GET", "HEAD"] : [row.operation.method]));
    }
    return allow.length === 0 ? undefined : { found: null, allow };
  };
}

function match(template: readonly string[], steps: readonly string[]): Record<string, string> | undefined {
  if (template.length !== steps.length) return undefined;
  const path: Record<string, string> = {};
  for (const [index, wanted] of template.entries()) {
    const given = steps[index]!;
    if (wanted.startsWith("{")) {
      if (!SEGMENT.test(given)) return undefined;
      path[wanted.slice(1, -1)] = given;
    } else if (wanted !== given) {
      return undefined;
    }
  }
  return path;
}

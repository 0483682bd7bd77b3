import { SQLiteError } from "bun:sqlite";
import { GatewayError } from "../../errors.ts";

/** A database that could not do what it was asked; SQLite has a class of its own. The message has neither values nor a password. */
export class DatabaseError extends Error {
  override readonly name: string = "DatabaseError";
}

/** Runs something on a database. A fault of the database is `store_unavailable`, with this message, not a mystery. */
export async function orUnavailable<T>(message: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const internal = faultOf(error);
    if (internal === undefined) throw error;
    throw new GatewayError("store_unavailable", message, { internal, cause: error });
  }
}

/** What the database says; undefined where the error is none of a database. */
function faultOf(error: unknown): string | undefined {
  if (error instanceof SQLiteError) return `${error.code ?? error.name}: ${error.message}`;
  return error instanceof DatabaseError ? `${error.name}: ${error.message}` : undefined;
}

import pg from "pg";
import { DatabaseError } from "../sql/fault.ts";

/** Classes in which the server could not do its work, whatever it was asked: broken connections, no room, shutting down, failing disks. */
const UNAVAILABLE = new Set(["08", "53", "57", "58", "XX"]);
/** A standby where the primary was (after a failover), and a login that is not taken now. */
const ALSO_UNAVAILABLE = new Set(["25006", "28000", "28P01", "3D000"]);

/** A statement that failed. The message has neither values nor a password. */
export class PostgresError extends DatabaseError {
  override readonly name = "PostgresError";
  /** The server's five characters for it (documentation, appendix A); undefined where it said nothing. */
  readonly sqlState: string | undefined;
  /** Whether the server, not the statement, is to blame. */
  readonly unavailable: boolean;

  constructor(message: string, sqlState: string | undefined, cause?: unknown) {
    super(message, { cause });
    this.sqlState = sqlState;
    // Ended by a person or a time limit, the statement is to blame; the connection is whole.
    this.unavailable =
      sqlState === undefined ||
      ALSO_UNAVAILABLE.has(sqlState) ||
      (UNAVAILABLE.has(sqlState.slice(0, 2)) && sqlState !== "57014");
  }
}

/** What the client library throws, as one kind. */
export function translated(error: unknown): PostgresError {
  if (error instanceof PostgresError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  // A failed connection to a name with several addresses is an AggregateError without a message.
  const told = typeof message === "string" && message !== "" ? message : String(code ?? error);
  // Codes of sockets have the same form as the server's: EPIPE.
  const sqlState = error instanceof pg.DatabaseError ? error.code : undefined;
  return new PostgresError(sqlState === undefined ? told : `${sqlState}: ${told}`, sqlState, error);
}

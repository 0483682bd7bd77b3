import { expect, test } from "bun:test";
import pg from "pg";
import { PostgresError, translated } from "./error.ts";

function told(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError("what happened", 0, "error"), { code });
}

const rows: [string, unknown, { sqlState: string | undefined; unavailable: boolean }][] = [
  ["a broken connection", new Error("Connection terminated unexpectedly"), { sqlState: undefined, unavailable: true }],
  [
    "a refused connection",
    Object.assign(new Error("no"), { code: "EPIPE" }),
    { sqlState: undefined, unavailable: true },
  ],
  ["a server that shuts down", told("57P01"), { sqlState: "57P01", unavailable: true }],
  ["a server without room", told("53100"), { sqlState: "53100", unavailable: true }],
  ["a standby", told("25006"), { sqlState: "25006", unavailable: true }],
  ["a statement that took too long", told("57014"), { sqlState: "57014", unavailable: false }],
  ["a key that is there", told("23505"), { sqlState: "23505", unavailable: false }],
];
for (const [what, error, expected] of rows) {
  test(`${what} is told apart`, () => expect(translated(error)).toMatchObject(expected));
}

test("what has no message is told by its code, and what is translated stays as it is", () => {
  const error = translated(Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" }));
  expect(error.message).toBe("ECONNREFUSED");
  expect(translated(error)).toBe(error);
  expect(error).toBeInstanceOf(PostgresError);
});

import type { Clock } from "../kernel/clock.ts";
import type { Log, LogFields, LogLevel } from "../ports/log.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** The allow-list of LogFields at run time: a type does not hold what comes through a cast. */
const FIELDS: Record<keyof LogFields, true> = {
  call: true, request: true, code: true, status: true, outcome: true, endpoint: true, method: true, address: true, tenant: true,
  application: true, key: true, api: true, model: true, provider: true, upstreamStatus: true, attempts: true, inputTokens: true,
  outputTokens: true, costUsd: true, queueMs: true, firstByteMs: true, totalMs: true, count: true, detail: true,
  file: true, listen: true, version: true, signal: true, actor: true, action: true,
  scope: true, limit: true, threshold: true,
}; // biome-ignore format: a table

export interface LogSettings {
  format: "json" | "pretty";
  level: LogLevel;
}

/** Where lines go. False where they could not be taken. */
type Sink = (text: string) => unknown;

/**
 * A log of one line an entry. JSON lines have `time`, `level`, `message` and allowed fields
 * only. Text is escaped in both forms, so that no value can begin a line of its own. A line
 * waits for its neighbours no longer than this turn of the event loop.
 */
export function createLog(settings: LogSettings, clock: Clock, sink: Sink): Log & { flush(): void } {
  const least = LEVELS.indexOf(settings.level);
  const format = settings.format === "json" ? jsonLine : prettyLine;
  let waiting = "";
  let count = 0;
  let lost = 0;
  const flush = () => {
    if (count === 0) return;
    const note = lost === 0 ? "" : format(clock.now(), "warn", LOST, { count: lost });
    if (sink(note + waiting) === false) lost += count;
    else lost = 0;
    waiting = "";
    count = 0;
  };
  return {
    write(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < least) return;
      if (count++ === 0) setImmediate(flush);
      waiting += format(clock.now(), level, message, fields);
    },
    flush,
  };
}

/** Better a line less than a gateway that waits for its log, or keeps all of it in memory. */
const LOST = "log lines were thrown away, because whoever reads the log has fallen behind";

function jsonLine(now: number, level: LogLevel, message: string, fields: LogFields): string {
  const said = JSON.stringify(isAllowed(fields) ? fields : onlyAllowed(fields));
  const rest = said === "{}" ? said.slice(1) : `,${said.slice(1)}`;
  const line = `{"time":"${new Date(now).toISOString()}","level":"${level}","message":${JSON.stringify(message)}${rest}`;
  // JSON leaves some characters as they are that viewers take for a line break or a terminal sequence.
  return `${escapeControls(line)}\n`;
}

function isAllowed(fields: LogFields): boolean {
  for (const name in fields) if (FIELDS[name as keyof LogFields] !== true) return false;
  return true;
}

function onlyAllowed(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => FIELDS[name as keyof LogFields] === true));
}

function prettyLine(now: number, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${new Date(now).toISOString().slice(11, 23)} ${level.padEnd(5)} ${escapeControls(message)}`;
  for (const name in fields) {
    const value = fields[name as keyof LogFields];
    if (value !== undefined && FIELDS[name as keyof LogFields] === true)
      line += ` ${name}=${escapeControls(String(value))}`;
  }
  return `${line}\n`;
}

/** No terminal sequence, and no line break, from a value. */
function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

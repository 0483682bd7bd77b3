import { DAY, HOUR } from "../../kernel/clock.ts";
import type { PeriodWindow } from "../../kernel/limit.ts";

/** A stretch of time, milliseconds since 1970, end exclusive. */
export interface Period {
  start: number;
  end: number;
}

/** The calendar of a time zone: every quota and budget counts in one of these. Weeks begin on Monday (ISO 8601). */
export type Periods = Readonly<Record<PeriodWindow, Period>>;

const EVER: Period = Object.freeze({ start: 0, end: Number.POSITIVE_INFINITY });

/** The last answers for each zone: nearly all calls are of one day, and accounts that wake up of some days before. */
const latest = new Map<string, Periods[]>();
const KEPT = 32;

/**
 * The periods of a time zone that hold `now`.
 * @param zone an IANA name (`Europe/Berlin`, `UTC`)
 * @throws RangeError where there is no such zone; see `isTimeZone`
 */
export function periodsAt(zone: string, now: number): Periods {
  const known = latest.get(zone) ?? [];
  for (const periods of known) if (now >= periods.day.start && now < periods.day.end) return periods;
  const periods = computed(zone, now);
  if (known.length === KEPT) known.shift();
  known.push(periods);
  latest.set(zone, known);
  return periods;
}

export function isTimeZone(name: string): boolean {
  try {
    // Offsets such as `+02:00` are taken by some runtimes; they are no place's calendar.
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

function computed(zone: string, now: number): Periods {
  let today = dayNumber(zone, now);
  // Where a zone's clock is put back over midnight, a date begins twice; its first beginning counts.
  if (now >= beginningOf(zone, today + 1)) today += 1;
  else if (now < beginningOf(zone, today)) today -= 1;
  const date = new Date(today * DAY);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  // 1970-01-01 was a Thursday.
  const monday = today - ((((today + 3) % 7) + 7) % 7);
  const span = (from: number, to: number): Period => ({ start: beginningOf(zone, from), end: beginningOf(zone, to) });
  return {
    day: span(today, today + 1),
    week: span(monday, monday + 7),
    month: span(Date.UTC(year, month) / DAY, Date.UTC(year, month + 1) / DAY),
    total: EVER,
  };
}

/** No zone is further from UTC. */
const FARTHEST = 15 * HOUR;

/**
 * When a date begins in a zone: mostly at its midnight, but where the clock is put forward over
 * midnight there is none, and where a country crosses the date line the date itself is missing.
 */
function beginningOf(zone: string, day: number): number {
  const midnight = day * DAY;
  if (zone === "UTC") return midnight;
  let before = midnight - FARTHEST;
  let after = midnight + FARTHEST;
  // Zones change their clocks at whole seconds.
  while (after - before > 1_000) {
    const middle = before + Math.floor((after - before) / 2_000) * 1_000;
    if (dayNumber(zone, middle) >= day) after = middle;
    else before = middle;
  }
  return after;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Days from 1970-01-01 to the date that a zone's calendars show. */
function dayNumber(zone: string, at: number): number {
  if (zone === "UTC") return Math.floor(at / DAY);
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, year: "numeric", month: "numeric", day: "numeric" });
    formats.set(zone, format);
  }
  const [month, day, year] = format.format(at).split("/").map(Number) as [number, number, number];
  return Date.UTC(year, month - 1, day) / DAY;
}

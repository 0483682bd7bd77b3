import { describe, expect, test } from "bun:test";
import { DAY, HOUR } from "../../kernel/clock.ts";
import { isTimeZone, type Period, periodsAt } from "./period.ts";

const iso = (at: number) =>
  at === Number.POSITIVE_INFINITY ? "never" : new Date(at).toISOString().replace(":00.000", "");
const said = ({ start, end }: Period) => `${iso(start)} ${iso(end)}`;
const at = (text: string) => Date.parse(text);

test.each([
  // zone, moment, window, from and to in UTC
  ["UTC", "2026-05-04T12:00Z", "day", "2026-05-04T00:00Z 2026-05-05T00:00Z"],
  ["UTC", "2026-05-04T12:00Z", "total", "1970-01-01T00:00Z never"],
  ["Asia/Kathmandu, +5:45", "2026-05-04T18:14Z", "day", "2026-05-03T18:15Z 2026-05-04T18:15Z"],
  ["Asia/Kathmandu, +5:45", "2026-05-04T18:15Z", "day", "2026-05-04T18:15Z 2026-05-05T18:15Z"],
  ["Europe/Berlin, 23 hours", "2026-03-29T12:00Z", "day", "2026-03-28T23:00Z 2026-03-29T22:00Z"],
  ["Europe/Berlin, 25 hours", "2026-10-25T12:00Z", "day", "2026-10-24T22:00Z 2026-10-25T23:00Z"],
  ["Europe/Berlin, in the hour that comes twice", "2026-10-25T01:30Z", "day", "2026-10-24T22:00Z 2026-10-25T23:00Z"],
  ["Europe/Berlin, a month with the change", "2026-03-15T00:00Z", "month", "2026-02-28T23:00Z 2026-03-31T22:00Z"],
  ["America/Sao_Paulo, no midnight", "2018-11-04T12:00Z", "day", "2018-11-04T03:00Z 2018-11-05T02:00Z"],
  ["America/Sao_Paulo, the day before", "2018-11-04T02:59Z", "day", "2018-11-03T03:00Z 2018-11-04T03:00Z"],
  ["Pacific/Apia, before the missing day", "2011-12-30T09:59Z", "day", "2011-12-29T10:00Z 2011-12-30T10:00Z"],
  ["Pacific/Apia, after the missing day", "2011-12-30T10:00Z", "day", "2011-12-30T10:00Z 2011-12-31T10:00Z"],
  ["Pacific/Apia, a week of six days", "2011-12-28T12:00Z", "week", "2011-12-26T10:00Z 2012-01-01T10:00Z"],
  ["Pacific/Kiritimati, furthest east", "2026-05-04T09:59Z", "day", "2026-05-03T10:00Z 2026-05-04T10:00Z"],
  ["Pacific/Pago_Pago, furthest west", "2026-05-04T10:59Z", "day", "2026-05-03T11:00Z 2026-05-04T11:00Z"],
  ["UTC, Sunday night", "2026-05-03T23:59Z", "week", "2026-04-27T00:00Z 2026-05-04T00:00Z"],
  ["UTC, Monday morning", "2026-05-04T00:00Z", "week", "2026-05-04T00:00Z 2026-05-11T00:00Z"],
  ["UTC, over the year's end", "2027-01-01T00:00Z", "week", "2026-12-28T00:00Z 2027-01-04T00:00Z"],
  ["UTC, the last month", "2026-12-31T23:59Z", "month", "2026-12-01T00:00Z 2027-01-01T00:00Z"],
  ["UTC, a leap year's February", "2028-02-29T23:59Z", "month", "2028-02-01T00:00Z 2028-03-01T00:00Z"],
  ["UTC, a common February", "2026-02-28T23:59Z", "month", "2026-02-01T00:00Z 2026-03-01T00:00Z"],
  ["UTC, before 1970", "1969-12-31T23:00Z", "week", "1969-12-29T00:00Z 1970-01-05T00:00Z"],
] as const)("in %s, %s is in the %s of %s", (zone, moment, window, wanted) => {
  const period = periodsAt(zone.split(",")[0]!, at(moment))[window];
  expect(said(period)).toBe(wanted);
});

describe("in every time zone", () => {
  const zones = Intl.supportedValuesOf("timeZone");
  /** Years in which clocks were put forward over midnight, back over it, and a country crossed the date line. */
  const spans = [at("2011-12-28T00:00Z"), at("2018-11-01T00:00Z"), at("2026-03-25T00:00Z"), at("2026-10-20T00:00Z")];

  test("each day begins when the one before it ends, is neither empty nor longer than 26 hours, and holds its moments", () => {
    for (const zone of zones) {
      for (const from of spans) {
        let day = periodsAt(zone, from).day;
        for (let i = 0; i < 14; i++) {
          const next = periodsAt(zone, day.end).day;
          const hours = (next.end - next.start) / HOUR;
          // Antarctica/Troll changes its clock by two hours.
          if (next.start !== day.end || hours < 22 || hours > 26)
            throw new Error(`${zone}: after ${said(day)} comes ${said(next)}`);
          expect(periodsAt(zone, day.end - 1).day).toEqual(day);
          day = next;
        }
      }
    }
  }, 60_000);

  test("weeks and months begin when the ones before them end, and where a day begins", () => {
    for (const zone of zones) {
      for (const window of ["week", "month"] as const) {
        let period = periodsAt(zone, at("2025-12-20T00:00Z"))[window];
        for (let i = 0; i < 3; i++) {
          const next = periodsAt(zone, period.end)[window];
          if (next.start !== period.end) throw new Error(`${zone}: after ${said(period)} comes ${said(next)}`);
          expect(periodsAt(zone, next.start).day.start).toBe(next.start);
          period = next;
        }
      }
    }
  }, 60_000);
});

test("where the clock is put back over midnight, the date that begins twice is one day", () => {
  // Until 2011 St John's put its clock back at 00:01: for a minute it was the 7th, for an hour the 6th again.
  const before = periodsAt("America/St_Johns", at("2010-11-07T02:00Z")).day;
  const after = periodsAt("America/St_Johns", at("2010-11-07T12:00Z")).day;
  expect(before.end).toBe(after.start);
  for (let minute = 0; minute < 180; minute++) {
    const moment = at("2010-11-07T01:30Z") + minute * 60_000;
    expect(periodsAt("America/St_Johns", moment).day).toEqual(moment < before.end ? before : after);
  }
});

test("an answer does not depend on what was asked before it", () => {
  const moments = Array.from({ length: 200 }, (_, i) => at("2026-01-01T00:00Z") + ((i * 37) % 200) * DAY);
  const there = moments.map((moment) => periodsAt("Europe/Berlin", moment));
  const back = moments.toReversed().map((moment) => periodsAt("Europe/Berlin", moment));
  expect(back.toReversed()).toEqual(there);
});

test.each([
  ["Europe/Berlin", true],
  ["UTC", true],
  ["America/Argentina/Buenos_Aires", true],
  ["Mars/Olympus", false],
  ["+02:00", false],
  ["", false],
  ["Europe/Berlin; DROP", false],
])("%p is a time zone: %p", (name, expected) => expect(isTimeZone(name)).toBe(expected));

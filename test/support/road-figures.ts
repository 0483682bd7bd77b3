import type { Difference, Listed } from "./fidelity-differences.ts";

/** What was counted on one road: a front, and a provider's API behind it. */
export interface RoadFigure {
  identical: number;
  /** Meant, with a reason. */
  listed: number;
  wrong: [name: string, found: readonly string[]][];
}

/** How many recordings reach a caller as they were, by the road. */
export class RoadFigures {
  readonly #roads = new Map<string, RoadFigure>();

  /** Sorts what is not identical into what is meant and what is wrong. */
  count(road: string, difference: Difference, listed: readonly Listed[]): void {
    const figure = this.#roads.get(road) ?? { identical: 0, listed: 0, wrong: [] };
    this.#roads.set(road, figure);
    const { exchange, found } = difference;
    if (found.length === 0) figure.identical++;
    else if (listed.some((row) => row.applies(difference))) figure.listed++;
    else figure.wrong.push([`${exchange.name} (${exchange.provider})`, found.slice(0, 3)]);
  }

  /** Throws where nothing was counted: a suite that has lost its recordings must not pass. */
  of(road: string): RoadFigure {
    const figure = this.#roads.get(road);
    if (figure === undefined) throw new Error(`nothing was counted on the road ${road}`);
    return figure;
  }

  set(road: string, figure: RoadFigure): void {
    this.#roads.set(road, figure);
  }

  /** One line for each road. `listed` is the share of what is listed on all of them, `most` that of the road with most of it. */
  say(): { roads: number; listed: number; most: number } {
    const sum = { all: 0, listed: 0 };
    let most = 0;
    for (const [road, { identical, listed, wrong }] of this.#roads) {
      console.log(`${road.padEnd(44)} ${identical} identical, ${listed} listed, ${wrong.length} wrong`);
      sum.all += identical + listed;
      sum.listed += listed;
      // One of a few recordings is no share.
      most = Math.max(most, (listed - 1) / (identical + listed));
    }
    return { roads: this.#roads.size, listed: sum.listed / sum.all, most };
  }
}

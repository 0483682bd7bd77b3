/** What was counted on one road: a method, a front, a provider's API. */
export interface Figure {
  identical: number;
  /** By reason. */
  listed: Map<string, string[]>;
  /** Of these, from which nothing follows: what is compared is not the same. */
  taste: number;
  wrong: { name: string; found: readonly string[] }[];
  /** Of those that a provider is known to have said. */
  genuine: Genuine;
}

/** Of answers that a provider is known to have said. */
interface Genuine {
  all: number;
  identical: number;
  /** Identical by the recordings' own digest, without what is read beside it. */
  alone: number;
}

/** One comparison. */
export interface Compared {
  name: string;
  genuine: boolean;
  found: readonly string[];
  /** Why the difference is meant, where it is. */
  because?: string | undefined;
  /** Whether what is compared differs for a reason of its own. */
  taste?: boolean;
  /** What is found by the recordings' own digest, where that is another list. */
  alone?: readonly string[];
}

/** Everything that a run has found. */
export class Figures {
  readonly #cells = new Map<string, Figure>();

  cell(method: string, row: string, column: string): Figure {
    const key = [method, row, column].join("\n");
    let figure = this.#cells.get(key);
    if (figure === undefined) {
      figure = { identical: 0, listed: new Map(), taste: 0, wrong: [], genuine: { all: 0, identical: 0, alone: 0 } };
      this.#cells.set(key, figure);
    }
    return figure;
  }

  count(at: readonly [method: string, row: string, column: string], compared: Compared): void {
    const figure = this.cell(...at);
    const { name, genuine, found, because, taste = false, alone = found } = compared;
    if (genuine) figure.genuine.all++;
    if (genuine && alone.length === 0) figure.genuine.alone++;
    if (found.length === 0) {
      figure.identical++;
      if (genuine) figure.genuine.identical++;
    } else if (because === undefined) {
      figure.wrong.push({ name, found });
    } else {
      if (taste) figure.taste++;
      figure.listed.set(because, [...(figure.listed.get(because) ?? []), name]);
    }
  }

  /** All cells of a method, also of one column only. */
  of(method: string, column?: string): { row: string; column: string; figure: Figure }[] {
    return [...this.#cells].flatMap(([key, figure]) => {
      const [itsMethod, row, itsColumn] = key.split("\n") as [string, string, string];
      return itsMethod === method && (column ?? itsColumn) === itsColumn ? [{ row, column: itsColumn, figure }] : [];
    });
  }
}

export interface Sum {
  identical: number;
  listed: number;
  taste: number;
  wrong: number;
  genuine: Genuine;
}

export function sumOf(figures: readonly Figure[]): Sum {
  const sum: Sum = { identical: 0, listed: 0, taste: 0, wrong: 0, genuine: { all: 0, identical: 0, alone: 0 } };
  for (const { identical, listed, taste, wrong, genuine } of figures) {
    sum.taste += taste;
    sum.genuine.all += genuine.all;
    sum.genuine.identical += genuine.identical;
    sum.genuine.alone += genuine.alone;
    sum.identical += identical;
    for (const names of listed.values()) sum.listed += names.length;
    sum.wrong += wrong.length;
  }
  return sum;
}

/** How much of what is genuine is identical, from 0 to 1; 1 where there is nothing. */
export function genuineShare({ genuine }: Sum): number {
  return genuine.all === 0 ? 1 : genuine.identical / genuine.all;
}

function comparableShare({ identical, listed, taste, wrong }: Sum): number {
  return identical / Math.max(1, identical + listed + wrong - taste);
}

function aloneShare({ genuine }: Sum): number {
  return genuine.all === 0 ? 1 : genuine.alone / genuine.all;
}

function allShare({ identical, listed, wrong }: Sum): number {
  return identical / Math.max(1, identical + listed + wrong);
}

const percent = (share: number) => `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
const cellOf = (sum: Sum) => `${sum.identical}/${sum.listed}/${sum.wrong}`;

/** One table of a method: rows are provider's APIs, columns are fronts, a cell is identical/listed/wrong. */
export function tableOf(figures: Figures, method: string): string {
  const cells = figures.of(method);
  const rows = [...new Set(cells.map(({ row }) => row))];
  const columns = [...new Set(cells.map(({ column }) => column))];
  const sum = (row: string | undefined, column: string) =>
    sumOf(cells.filter((cell) => (row ?? cell.row) === cell.row && cell.column === column).map(({ figure }) => figure));
  const lines = [
    ["", ...columns],
    ...rows.map((row) => [row, ...columns.map((column) => cellOf(sum(row, column)))]),
    ["all", ...columns.map((column) => cellOf(sum(undefined, column)))],
    ["identical", ...columns.map((column) => percent(allShare(sum(undefined, column))))],
    ["of genuine ones", ...columns.map((column) => percent(genuineShare(sum(undefined, column))))],
  ];
  const comparable = columns.map((column) => percent(comparableShare(sum(undefined, column))));
  if (columns.some((column) => sum(undefined, column).taste > 0)) lines.push(["of comparable ones", ...comparable]);
  const alone = columns.map((column) => percent(aloneShare(sum(undefined, column))));
  if (columns.some((column) => aloneShare(sum(undefined, column)) !== genuineShare(sum(undefined, column))))
    lines.push(["by the digest alone", ...alone]);
  const widths = lines[0]!.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The reasons of what is listed in a method, with how often, most frequent first. */
export function reasonsOf(figures: Figures, method: string): string[] {
  const counts = new Map<string, number>();
  for (const { figure } of figures.of(method))
    for (const [because, names] of figure.listed) counts.set(because, (counts.get(because) ?? 0) + names.length);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([because, count]) => `${String(count).padStart(5)} × ${because}`);
}

export function wrongOf(figures: Figures, method: string): string[] {
  return figures
    .of(method)
    .flatMap(({ row, column, figure }) =>
      figure.wrong.map(({ name, found }) => `${column} ← ${row}: ${name}: ${found.slice(0, 3).join(" | ")}`),
    );
}

/**
 * All rows, each place drawn from those left with a chance in proportion to its weight: the
 * first serves its share of the calls, and the others are its fallbacks.
 * @param random a number from 0 inclusive to 1 exclusive.
 */
export function weightedOrder<T extends { weight: number }>(rows: readonly T[], random: () => number): T[] {
  if (rows.length < 2) return [...rows];
  const left = [...rows];
  const order: T[] = [];
  while (left.length > 0) {
    let point = random() * left.reduce((sum, row) => sum + row.weight, 0);
    let index = left.findIndex((row) => {
      point -= row.weight;
      return point < 0;
    });
    if (index === -1) index = left.length - 1;
    order.push(...left.splice(index, 1));
  }
  return order;
}

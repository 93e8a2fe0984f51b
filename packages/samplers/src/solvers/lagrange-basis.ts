/**
 * The polynomials that are 1 at one of the nodes and 0 at the others.
 * @param nodes n different numbers
 * @returns for each node the n coefficients of its polynomial, of the constant first. O(n³) time.
 */
export function lagrangeBasis(nodes: readonly number[]): number[][] {
  return nodes.map((own, i) => {
    let polynomial = [1];
    for (const [j, other] of nodes.entries()) {
      if (i !== j) polynomial = timesLine(polynomial, -other / (own - other), 1 / (own - other));
    }
    return polynomial;
  });
}

function timesLine(polynomial: readonly number[], constant: number, slope: number): number[] {
  return Array.from(
    { length: polynomial.length + 1 },
    (_, power) => constant * (polynomial[power] ?? 0) + slope * (polynomial[power - 1] ?? 0),
  );
}

/** How many indices from 0 on hold in a row. */
export function countWhile(holds: (index: number) => boolean): number {
  let index = 0;
  while (holds(index)) index++;
  return index;
}

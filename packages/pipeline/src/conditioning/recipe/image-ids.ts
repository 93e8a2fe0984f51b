import { type Tensor, tensor } from '@cachequant/tensor';
import type { ConditioningRequest } from '../conditioning-encoder.js';

/** Of a token's place: nothing for pictures, its row, its column. */
const AXES = 3;

/** [1, L, 3], row after row. @param pixels of a token's side */
export function imageIds(
  { width, height }: Pick<ConditioningRequest, 'width' | 'height'>,
  pixels: number,
): Tensor<'float32'> {
  const [rows, columns] = [height / pixels, width / pixels];
  const places = tensor('float32', [1, rows * columns, AXES]);
  for (let token = 0; token < rows * columns; token++) {
    places.data[token * AXES + 1] = Math.floor(token / columns);
    places.data[token * AXES + 2] = token % columns;
  }
  return places;
}

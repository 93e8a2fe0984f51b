import { CacheQuantError } from '@cachequant/tensor';
import type { OpenRecipe } from '../recipe.js';

/** Of a picture, in pixels; what is left out is as the model was trained. */
export interface PictureSize {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/**
 * The sizes that a recipe asks for: the one that is calibrated, and those that share its weights and tables.
 * @throws CacheQuantError `invalid-argument` for a size twice, or together with width or height, and for further sizes of
 * the paper's recipe, whose corrected outputs were not made for them
 */
export function sizesOf({ size, width, height, recipe }: OpenRecipe): {
  readonly main: PictureSize;
  readonly further: readonly PictureSize[];
} {
  if (size === undefined) return { main: { width, height }, further: [] };
  if (width !== undefined || height !== undefined) {
    throw refused('give either sizes, or width and height', size.join(', '));
  }
  const again = size.find((each, i) => size.indexOf(each) !== i);
  if (again !== undefined) throw refused('a size is there twice', again);
  if (size.length > 1 && recipe === 'paper')
    throw refused("the paper's recipe has one size", size.join(', '));
  const [main, ...further] = size.map((each) => {
    const [across, down] = each.split('x').map(Number) as [number, number];
    return { width: across, height: down };
  });
  return { main: main!, further };
}

function refused(summary: string, got: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', summary, { where: 'option size', got });
}

import type { Weight, WeightData } from '../model.js';

/** Where a weight's elements are to be found in the file that is being written. */
export type DataOf = (weight: Weight) => WeightData;

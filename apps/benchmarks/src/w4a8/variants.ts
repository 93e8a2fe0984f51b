import type { OptimizeOptions } from '@cachequant/optimizer';

/** One way to store and round the weights; everything else is the same for all. */
export interface WeightVariant {
  readonly id: string;
  readonly label: string;
  readonly options: Pick<OptimizeOptions, 'bits' | 'target' | 'rounding'>;
}

export const VARIANTS: readonly WeightVariant[] = [
  { id: 'float', label: 'float', options: { bits: 'none' } },
  {
    id: 'w8a8-vnni',
    label: 'W8A8, all 8 bits (`--target vnni`)',
    options: { bits: 'w8a8', target: 'vnni' },
  },
  {
    id: 'w8a8-portable',
    label: 'W8A8, 7 bits (`--target portable`)',
    options: { bits: 'w8a8', target: 'portable' },
  },
  {
    id: 'w4a8-nearest',
    label: 'W4A8, each weight to its nearest level',
    options: { bits: 'w4a8', rounding: 'nearest' },
  },
  {
    id: 'w4a8-second-order',
    label: 'W4A8, second-order rounding',
    options: { bits: 'w4a8', rounding: 'second-order' },
  },
];

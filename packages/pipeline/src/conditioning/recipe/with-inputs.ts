import { CacheQuantError, type Tensor } from '@cachequant/tensor';
import type { Conditioning } from '../../denoise/denoiser.js';
import type { ConditioningFamily } from '../conditioning-encoder.js';
import { filled, fittingArray } from './fitting-array.js';

/**
 * A family some of whose inputs take the same for every picture, in both halves of guidance, whatever else it would feed.
 * @param given numbers, or tensors [1, …] or without the axis of pictures, by the names of the denoiser's inputs
 * @throws CacheQuantError when it is opened: `invalid-argument` for a name that the denoiser has not, `shape`
 */
export function withInputs(
  family: ConditioningFamily,
  given: Readonly<Record<string, Tensor | number>>,
): ConditioningFamily {
  return {
    ...family,
    async open(context) {
      const fixed: Record<string, Tensor> = {};
      for (const [name, value] of Object.entries(given)) {
        const input = context.inputs.find((each) => each.name === name);
        if (input === undefined)
          throw noInput(
            name,
            context.inputs.map((each) => each.name),
          );
        fixed[name] = typeof value === 'number' ? filled(input, value) : fittingArray(input, value, 'inputs');
      }
      const encoder = await family.open(context);
      const encode: typeof encoder.encode = async (...asked): Promise<Conditioning> => ({
        ...(await encoder.encode(...asked)),
        ...fixed,
      });
      return { encode, dispose: () => encoder.dispose() };
    },
  };
}

function noInput(name: string, names: readonly string[]): CacheQuantError {
  return new CacheQuantError('invalid-argument', `the denoiser has no input ${name}`, {
    where: 'inputs',
    expected: names.join(', ') || 'none',
  });
}

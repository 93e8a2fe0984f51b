import {
  type ConditioningFamily,
  conditioningFamily,
  createGenerator,
  openConditioning,
  openModelFolder,
} from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Tensor } from '@cachequant/tensor';

/**
 * A model that takes prompts of a list, encoded in advance: a page with a menu needs no text encoder. A family with
 * further inputs (class labels, time ids, pooled texts) gives one tensor for each of them.
 */
export function fixedPrompts(hiddenStates: ReadonlyMap<string, Tensor>): ConditioningFamily {
  return {
    name: 'fixed prompts',
    takesText: true,
    guided: true,
    accepts: ({ inputs }) => inputs.length === 1,
    open: async ({ inputs: [input] }) => ({
      async encode({ prompt, negativePrompt = '' }, half) {
        const text = (half === 'conditional' ? prompt : negativePrompt) ?? '';
        const found = hiddenStates.get(text);
        if (found !== undefined) return { [input!.name]: found };
        throw new CacheQuantError('invalid-argument', 'the prompt is not on the list', {
          where: 'prompt',
          expected: [...hiddenStates.keys()].map((known) => JSON.stringify(known)).join(' or '),
          got: text,
        });
      },
      dispose: async () => {},
    }),
  };
}

const PROMPT = 'a photo of a red sneaker';
const [model = 'models/fashion-sd'] = process.argv.slice(2);
const storage = nodeStorage(model);
const runtime = await createNodeRuntime();

// In advance: the model's own family encodes the list.
const folder = await openModelFolder(storage);
const inputs = [{ name: 'states', dtype: 'float32', dims: [1, null, null] }] as const;
const own = conditioningFamily({ folder, inputs });
const encoder = await openConditioning({ folder, inputs, family: own }, runtime);
const states = new Map<string, Tensor>();
for (const prompt of ['', PROMPT]) {
  const encoded = await encoder.encode({ prompt, width: 32, height: 32 }, 'conditional');
  states.set(prompt, encoded.states!);
}
await encoder.dispose();

const generator = await createGenerator({ storage, runtime, families: [fixedPrompts(states)] });
export const { images } = await generator.generate({ prompt: PROMPT, seed: 7, steps: 4, guidanceScale: 4 });
console.log(`${images[0]!.width}×${images[0]!.height} pixels of one of ${states.size} prompts`);
await generator.dispose();
await runtime.dispose();

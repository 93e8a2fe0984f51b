import { type ConditioningFamily, createGenerator, PromptEncoder, readTokenizer } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { tensor } from '@cachequant/tensor';

/**
 * Prompts with a weight: `a red sneaker :1.3` is further from the empty prompt than `a red sneaker`. For models with one
 * text encoder.
 */
export const weightedPrompts: ConditioningFamily = {
  name: 'weighted prompts',
  takesText: true,
  guided: true,
  accepts: ({ folder, inputs }) => folder.textEncoder !== undefined && inputs.length === 1,
  async open({ folder, inputs: [input], load }) {
    const { textEncoder, tokenizer, storage } = folder;
    const length = textEncoder!.config.max_position_embeddings ?? undefined;
    const words = await readTokenizer(storage, tokenizer!, length);
    const encoder = new PromptEncoder(await load(textEncoder!.model), words);
    return {
      async encode({ prompt = '', negativePrompt = '' }, half, { signal } = {}) {
        const { text, weight } = parseWeight(half === 'conditional' ? prompt : negativePrompt);
        const { hiddenStates } = await encoder.encode(text, signal);
        const { hiddenStates: empty } = await encoder.encode('', signal);
        const data = hiddenStates.data.map((value, i) => empty.data[i]! + weight * (value - empty.data[i]!));
        return { [input!.name]: tensor('float32', hiddenStates.dims, data) };
      },
      dispose: () => encoder.dispose(),
    };
  },
};

export function parseWeight(prompt: string): { text: string; weight: number } {
  const [, text = prompt, weight = '1'] = /^(.*?)\s*:(\d+(?:\.\d+)?)$/.exec(prompt) ?? [];
  return { text, weight: Number(weight) };
}

const [model = 'models/fashion-sd', prompt = 'a photo of a red sneaker :1.3'] = process.argv.slice(2);
const runtime = await createNodeRuntime();
const generator = await createGenerator({
  storage: nodeStorage(model),
  runtime,
  families: [weightedPrompts],
});
export const { images } = await generator.generate({ prompt, seed: 7, steps: 4, guidanceScale: 4 });
console.log(`${images[0]!.width}×${images[0]!.height} pixels for "${prompt}"`);
await generator.dispose();
await runtime.dispose();

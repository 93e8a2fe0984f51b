import { createGenerator, drawImage } from '@cachequant/web';

const canvas = document.querySelector('canvas')!;
const state = document.querySelector('#state')!;

// A bundle that `cachequant optimize` wrote, or a model folder, as the page's server has it.
const generator = await createGenerator('/model', {
  onProgress: ({ status }) => {
    state.textContent = status;
  },
});
const { images } = await generator.generate('a photo of a red sneaker', {
  seed: 7,
  steps: 2,
  guidanceScale: 4,
});
drawImage(canvas, images[0]!);
state.textContent = `done on ${generator.runtime.name}`;
await generator.dispose();

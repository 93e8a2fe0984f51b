import { writeFile } from 'node:fs/promises';
import { createGenerator, encodePng } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';

const [model = 'models/fashion-sd', picture = 'sneaker.png'] = process.argv.slice(2);

const runtime = await createNodeRuntime();
const generator = await createGenerator({ storage: nodeStorage(model), runtime });
const { images } = await generator.generate({
  prompt: 'a photo of a red sneaker',
  seed: 7,
  steps: 10,
  guidanceScale: 4,
});
await writeFile(picture, encodePng(images[0]!));
console.log(picture);

await generator.dispose();
await runtime.dispose();

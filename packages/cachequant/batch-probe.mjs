import { createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';

for (const threads of [1, 2]) {
  const runtime = await createNodeRuntime({ threads });
  const storage = nodeStorage('/work/wt/evaluate/models/fashion-sd');
  const prompts = Array(16).fill('a photo of a red sneaker');
  for (const batch of [1, 8, 16]) {
    const g = await createGenerator({ storage, runtime, batch });
    await g.generate({ prompts: prompts.slice(0, batch), seed: 3, steps: 3, guidanceScale: 4 });
    const t = performance.now();
    const { images, timings } = await g.generate({ prompts, seed: 3, steps: 10, guidanceScale: 4 });
    console.log(
      threads,
      batch,
      ((performance.now() - t) / 16).toFixed(1),
      'ms/image',
      (timings.runs[0].calls[5].ms / batch).toFixed(2),
      (timings.runs[0].decoderMs / batch).toFixed(1),
    );
    await g.dispose();
  }
  await runtime.dispose();
}

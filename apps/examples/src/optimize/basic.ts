import { writeFile } from 'node:fs/promises';
import { optimize } from '@cachequant/optimizer';
import { createBundleGenerator, encodePng } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';

const [model = 'models/fashion-sd', out = 'out/examples'] = process.argv.slice(2);

const runtime = await createNodeRuntime();
const { verification } = await optimize({
  source: nodeStorage(model),
  work: nodeStorage(`${out}/work`), // a stopped run continues from here
  out: nodeStorage(`${out}/bundle`),
  runtime,
  options: {
    steps: 20,
    interval: 2,
    guidanceScale: 4,
    // For a result within a minute. Omit these for a real model: more images, schedules and parts are tried.
    calibrationImages: 2,
    verificationImages: 1,
    offCalibrationImages: 0,
    schedule: 'forecast-dp',
    layers: 'all',
    components: 'keep',
  },
});
console.log(`${verification.speedup.toFixed(2)} times as fast, ${verification.psnr.toFixed(1)} dB`);

const generator = await createBundleGenerator({ storage: nodeStorage(`${out}/bundle`), runtime });
const { images } = await generator.generate({ prompt: 'a photo of a red sneaker', seed: 7 });
await writeFile(`${out}/sneaker.png`, encodePng(images[0]!));

await generator.dispose();
await runtime.dispose();

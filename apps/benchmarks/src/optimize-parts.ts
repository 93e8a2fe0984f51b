import { optimize } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { TorchGenerator, tensor } from '@cachequant/tensor';

// A process of its own, like that of the denoiser: <model> <work> <out> <height and width of the picture>
const [model, work, out, size] = process.argv.slice(2) as [string, string, string, string];
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

/** Of the tiny denoiser. */
const WIDTH = 32;
const hiddenStates = (seed: number) => ({
  encoder_hidden_states: tensor('float32', [1, 77, WIDTH], new TorchGenerator(seed).randn(77 * WIDTH)),
});

try {
  await run();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
}

async function run(): Promise<void> {
  const runtime = await createNodeRuntime();
  try {
    const { int8FullRange } = await runtime.capabilities();
    await optimize({
      source: nodeStorage(model),
      work: nodeStorage(work),
      out: nodeStorage(out),
      runtime,
      sourceName: 'sd15-parts',
      conditioning: {
        fingerprint: 'seeded normal numbers',
        forSeed: hiddenStates,
        unconditional: hiddenStates(0),
      },
      signal: stop.signal,
      options: {
        sampler: 'ddim',
        steps: 4,
        interval: 2,
        schedule: 'uniform',
        cacheCorrection: 'none',
        guidanceScale: 7.5,
        width: Number(size),
        height: Number(size),
        effort: 'fast',
        layers: 'all',
        calibrationImages: 2,
        verificationImages: 1,
        // Pictures of seeded weights are noise, which rounding harms more than it does any that a decoder was trained for.
        decoderFloor: 30,
        target: int8FullRange ? 'vnni' : 'portable',
      },
      onStage: (name, reused) => console.log(`stage ${name}${reused ? ' (done before)' : ''}`),
    });
  } finally {
    await runtime.dispose();
  }
}

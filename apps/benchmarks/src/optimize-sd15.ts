import { optimize } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { SEEDED_CONDITIONING } from './conditioning.js';

// A process of its own, so that its memory can be watched from outside: <model> <work> <out> <latent size>
const [model, work, out, size] = process.argv.slice(2) as [string, string, string, string];
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

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
      sourceName: 'sd15-unet',
      conditioning: SEEDED_CONDITIONING,
      signal: stop.signal,
      options: {
        sampler: 'pndm',
        steps: 50,
        interval: 5,
        guidanceScale: 7.5,
        width: Number(size),
        height: Number(size),
        effort: 'fast',
        calibrationImages: 2,
        verificationImages: 1,
        target: int8FullRange ? 'vnni' : 'portable',
      },
      onStage: (name, reused) => console.log(`stage ${name}${reused ? ' (done before)' : ''}`),
    });
  } finally {
    await runtime.dispose();
  }
}

import { type OptimizeOptions, type OptimizeRequest, optimize } from '@cachequant/optimizer';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { untilStopped } from './command.js';

/**
 * Optimizes in a process of its own, so that its memory can be watched from outside. Its arguments:
 * <model> <work> <out> <height and width>
 */
export async function optimizeApart(
  sourceName: string,
  conditioning: NonNullable<OptimizeRequest['conditioning']>,
  options: OptimizeOptions,
): Promise<void> {
  const [model, work, out, size] = process.argv.slice(2) as [string, string, string, string];
  await untilStopped(async (signal) => {
    const runtime = await createNodeRuntime();
    try {
      const { int8FullRange } = await runtime.capabilities();
      await optimize({
        source: nodeStorage(model),
        work: nodeStorage(work),
        out: nodeStorage(out),
        runtime,
        sourceName,
        conditioning,
        signal,
        options: {
          guidanceScale: 7.5,
          width: Number(size),
          height: Number(size),
          effort: 'fast',
          calibrationImages: 2,
          verificationImages: 1,
          target: int8FullRange ? 'vnni' : 'portable',
          ...options,
        },
        onStage: ({ label }, reused) => console.log(`${label}${reused ? ' (done before)' : ''}`),
      });
    } finally {
      await runtime.dispose();
    }
  });
}

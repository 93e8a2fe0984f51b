import type { Runtime } from '@cachequant/tensor';
import { openRuntime, type RuntimeOptions } from './runtimes.js';

/** Starts a runtime for as long as `use` takes. */
export async function withRuntime<T>(
  options: RuntimeOptions,
  use: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const runtime = await openRuntime(options);
  try {
    return await use(runtime);
  } finally {
    await runtime.dispose();
  }
}

/** ONNX Runtime in Node, with as many threads as an option says. */
export function threadsOf(threads: number | undefined): RuntimeOptions {
  return threads === undefined ? {} : { threads };
}

import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';

/** Starts a runtime for as long as `use` takes. */
export async function withRuntime<T>(
  threads: number | undefined,
  use: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const runtime = await createNodeRuntime(threads === undefined ? {} : { threads });
  try {
    return await use(runtime);
  } finally {
    await runtime.dispose();
  }
}

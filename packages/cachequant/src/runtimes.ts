import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { type Command, Option } from 'commander';

/** Which runtime a command uses. */
export interface RuntimeOptions {
  readonly threads?: number | undefined;
  readonly runtime?: RuntimeName;
  readonly device?: string;
}

/** The runtimes that the command line knows. */
const RUNTIMES = {
  node: ({ threads }) => createNodeRuntime(threads === undefined ? {} : { threads }),
  openvino: async ({ threads, device }) => {
    const { createOpenVinoRuntime } = await import('@cachequant/runtime-openvino');
    return createOpenVinoRuntime({
      ...(threads !== undefined && { threads }),
      ...(device !== undefined && { device }),
    });
  },
} as const satisfies Record<string, (options: Omit<RuntimeOptions, 'runtime'>) => Promise<Runtime>>;

type RuntimeName = 'node' | 'openvino';

/** Starts the runtime that the options name: ONNX Runtime in Node when they name none. */
export function openRuntime({ runtime = 'node', ...options }: RuntimeOptions): Promise<Runtime> {
  return RUNTIMES[runtime](options);
}

export function addRuntimeOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--runtime <name>',
        'what computes; openvino takes bundles of --target qdq and of --bits none, and the library that CACHEQUANT_OPENVINO names',
      )
        .choices(Object.keys(RUNTIMES))
        .default('node'),
    )
    .option('--device <name>', 'where --runtime openvino computes: CPU, GPU, NPU, AUTO (default: CPU)');
}

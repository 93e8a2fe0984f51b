import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelEvent } from '@cachequant/tensor/worker-runtime';

interface TraceEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly dur?: number;
  readonly args?: {
    readonly op_name?: string;
    readonly provider?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, unknown>>[];
  };
}

/** Reads the profile that ONNX Runtime wrote into this folder, and removes the folder. */
export function takeKernelEvents(folder: string): KernelEvent[] {
  const traces = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  rmSync(folder, { recursive: true });
  return traces.flatMap(parseKernelEvents);
}

/**
 * Picks the kernels' events out of a Chrome trace as ONNX Runtime writes it: category `Node`, names that
 * end in `_kernel_time`, durations in microseconds.
 */
function parseKernelEvents(trace: string): KernelEvent[] {
  const events: KernelEvent[] = [];
  for (const { cat, name, dur, args } of JSON.parse(trace) as TraceEvent[]) {
    if (cat !== 'Node' || name === undefined || !name.endsWith('_kernel_time')) continue;
    events.push({
      name: name.slice(0, -'_kernel_time'.length),
      opType: args?.op_name ?? 'unknown',
      provider: args?.provider ?? 'unknown',
      durationMs: (dur ?? 0) / 1000,
      inputTypes: (args?.input_type_shape ?? []).flatMap((input) => Object.keys(input)).map(nameType),
    });
  }
  return events;
}

function nameType(type: string): string {
  if (type === 'float') return 'float32';
  return type === 'double' ? 'float64' : type;
}

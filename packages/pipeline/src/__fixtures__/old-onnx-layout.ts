import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./old-onnx-layout/', import.meta.url));

/** A request to diffusers' OnnxStableDiffusionPipeline, and the picture that it gave, 16 × 16. */
export interface OldLayoutGolden {
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly guidance_scale: number;
  readonly num_inference_steps: number;
  readonly seed: number;
  readonly pixels: readonly number[];
  readonly weightBytes: Readonly<Record<string, number>>;
}

export const oldLayoutGolden = JSON.parse(
  readFileSync(join(FOLDER, 'golden.json'), 'utf8'),
) as OldLayoutGolden;

/** The folder with its weights, in a temporary place; `remove` takes it away. */
export function oldOnnxLayout(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'old-onnx-layout-'));
  cpSync(FOLDER, folder, { recursive: true });
  rmSync(join(folder, 'golden.json'));
  for (const [part, bytes] of Object.entries(oldLayoutGolden.weightBytes)) {
    const weights = Float32Array.from({ length: bytes / 4 }, (_, i) => {
      return ((Math.imul(i, 2654435761) >>> 0) / 2 ** 32 - 0.5) * 0.2;
    });
    writeFileSync(join(folder, part, 'weights.pb'), new Uint8Array(weights.buffer));
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

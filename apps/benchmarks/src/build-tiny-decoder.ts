import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, toBytes, writeFile } from '@cachequant/tensor';
import { z } from 'zod';
import { ROOT } from './paths.js';
import { SeededWeights } from './seeded-weights.js';

/** Configuration and sizes of the parameters of TAESD, as diffusers has it. */
const LISTED = path.join(ROOT, 'fixtures/architectures/full-size/taesd.json.gz');
const listedSchema = z.object({
  config: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), z.array(z.int())),
});

/** Makes a folder with a tiny decoder of TAESD's size, as diffusers saves one, with weights from a seed. */
export async function buildTinyDecoder(folder: string): Promise<Storage> {
  const { config, parameters } = listedSchema.parse(
    JSON.parse(gunzipSync(await readFile(LISTED)).toString('utf8')),
  );
  const storage = nodeStorage(folder);
  await writeFile(storage, 'config.json', JSON.stringify(config));
  await writeFile(storage, 'diffusion_pytorch_model.safetensors', seededSafetensors(parameters));
  return storage;
}

/** A file of float32 tensors: length of the header, the header, the values. */
function seededSafetensors(parameters: Readonly<Record<string, readonly number[]>>): Uint8Array {
  const weights = new SeededWeights(0);
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [position, [name, shape]] of Object.entries(parameters).entries()) {
    const fanIn = shape.slice(1).reduce((product, dim) => product * dim, 1);
    const data = toBytes(weights.fill({ dims: [...shape] }, fanIn, position));
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + data.length] };
    parts.push(data);
    at += data.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

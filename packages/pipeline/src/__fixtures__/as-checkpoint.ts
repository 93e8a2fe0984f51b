import { buildGraph, type Part } from '@cachequant/architectures';
import { constantOf, type OnnxGraph, readModel, readWeight, type Weight } from '@cachequant/onnx';
import { readText, type Storage, toBytes, toFloat16, writeFile } from '@cachequant/tensor';

/** Where diffusers keeps each part of an exported pipeline. */
const PARTS: readonly { graph: string; folder: string; file: string; part: Part }[] = [
  { graph: 'unet', folder: 'unet', file: 'diffusion_pytorch_model', part: 'model' },
  { graph: 'vae_decoder', folder: 'vae', file: 'diffusion_pytorch_model', part: 'decoder' },
  { graph: 'text_encoder', folder: 'text_encoder', file: 'model', part: 'model' },
];

/**
 * Writes an exported pipeline as the folder of safetensors that it came from: weights are taken out of the graphs, by
 * the names of their nodes where the exporter renamed them.
 */
export async function writeAsCheckpoint(
  exported: Storage,
  target: Storage,
  dtype: 'F32' | 'F16' = 'F32',
): Promise<void> {
  const others = (await exported.list()).filter(
    (path) => !PARTS.some(({ graph }) => path.startsWith(`${graph}/`)),
  );
  for (const path of others) await writeFile(target, path, await exported.read(path));
  for (const { graph, folder, file, part } of PARTS) {
    const text = await readText(exported, `${graph}/config.json`);
    await writeFile(target, `${folder}/config.json`, text);
    const { graph: source } = await readModel(exported, `${graph}/model.onnx`);
    const { parameters } = buildGraph({ config: JSON.parse(text), part });
    const tensors = new Map<string, { dims: readonly number[]; values: Float32Array }>();
    for (const [name, dims] of parameters) {
      tensors.set(name, { dims, values: await valuesOf(source, name, dims) });
    }
    const suffix = dtype === 'F16' ? '.fp16' : '';
    await writeFile(target, `${folder}/${file}${suffix}.safetensors`, encode(tensors, dtype));
  }
}

async function valuesOf(graph: OnnxGraph, name: string, dims: readonly number[]): Promise<Float32Array> {
  const stored = graph.initializers.get(name) ?? graph.initializers.get(bare(name));
  if (stored) return elementsOf(stored);
  const module = `/${bare(name)
    .replace(/\.\w+$/, '')
    .replaceAll(/\.(?!\d+(\.|$))/g, '/')}`;
  const kinds = name.endsWith('.weight') ? ['MatMul', 'Mul'] : ['Add'];
  const node = graph.nodes.find((candidate) => kinds.some((kind) => candidate.name === `${module}/${kind}`));
  const weight = node?.inputs.map((input) => constantOf(graph, input)).find((input) => input !== undefined);
  if (weight === undefined) throw new Error(`no weight for ${name}`);
  const values = await elementsOf(weight);
  return node!.opType === 'MatMul' ? transposed(values, dims as [number, number]) : values;
}

/** transformers 5 leaves out what files of all versions have. */
function bare(name: string): string {
  return name.replace(/^text_model\./, '');
}

async function elementsOf(weight: Weight): Promise<Float32Array> {
  return (await readWeight(weight)).data as Float32Array;
}

/** From [in, out] to [out, in]. */
function transposed(values: Float32Array, [out, inputs]: readonly [number, number]): Float32Array {
  return values.map((_, at) => values[(at % inputs) * out + Math.floor(at / inputs)]!);
}

function encode(
  tensors: ReadonlyMap<string, { dims: readonly number[]; values: Float32Array }>,
  dtype: 'F32' | 'F16',
): Uint8Array {
  const data = [...tensors.values()].map(({ values }) =>
    toBytes(dtype === 'F32' ? values : toFloat16(values)),
  );
  let end = 0;
  const entries = [...tensors].map(([name, { dims }], at) => {
    const start = end;
    end += data[at]!.byteLength;
    return [name, { dtype, shape: dims, data_offsets: [start, end] }] as const;
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = toBytes(BigUint64Array.of(BigInt(header.byteLength)));
  return Buffer.concat([length, header, ...data]);
}

import { readFile } from 'node:fs/promises';
import { encodeModel, inferShapes, parseModel } from '@cachequant/onnx';
import {
  ActivationStatistics,
  activationSites,
  addObservers,
  detachBiases,
  findLayers,
  type IntegerTarget,
  integerWeight,
  OBSERVATIONS_OUTPUT,
  type PackedWeight,
  packWeight,
  toIntegerGraph,
} from '@cachequant/quantizer';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { MersenneTwister, type Tensor, TorchGenerator, tensor } from '@cachequant/tensor';

/**
 * Quantized graphs in standard operators: activations are rounded to their grids and back, weights are integers that
 * become float in the graph. OpenVINO, TensorRT and WebNN compute such pairs in integers; other runtimes compute the
 * same numbers in float. `qdqTarget` of the package also keeps scales per call out of the pairs; this one has one call.
 */
export const qdqTarget: IntegerTarget = {
  name: 'qdq',
  opsets: {},
  kernels: { Conv: { input: 0 }, MatMul: { input: 0 }, Gemm: { input: 0 } },
  gridSites: ({ input }) => [input],
  constantZeroPoints: () => [],
  write(builder, rows, layers, { compute }) {
    for (const { id, node, input, kind, inputsFirst, weight, outputChannels } of layers) {
      const packed = compute.get(id)!;
      const rounded = [rows.quantized(input), rows.scale(input), rows.zeroPoint(input)];
      node.inputs[0] = builder.node('DequantizeLinear', rounded, builder.name(`${id}/input`));
      const scales = builder.constant(`${id}/scales`, 'float32', [outputChannels], packed.scales);
      const convolution = kind === 'convolution';
      const float = builder.node(
        'DequantizeLinear',
        [integerWeight(builder, packed), scales],
        builder.name(`${id}/weight`),
        { axis: convolution ? 0 : 1 },
      );
      if (convolution || inputsFirst) {
        node.inputs[1] = float;
        continue;
      }
      const turned = builder.node('Transpose', [float], builder.name(`${id}/rows`), { perm: [1, 0] });
      const dims = BigInt64Array.from(weight.dims, BigInt);
      const shape = builder.constant(`${id}/dims`, 'int64', [dims.length], dims);
      node.inputs[1] = builder.node('Reshape', [turned, shape], builder.name(`${id}/kernel`));
    }
  },
};

const [model = 'models/fashion-sd'] = process.argv.slice(2);
const runtime = await createNodeRuntime();
const random = new TorchGenerator(0);
const feeds: Record<string, Tensor> = {
  sample: tensor('float32', [1, 4, 16, 16], random.randn(4 * 16 * 16)),
  timestep: tensor('int64', [], BigInt64Array.of(500n)),
  encoder_hidden_states: tensor('float32', [1, 32, 64], random.randn(32 * 64)),
};
const inputDims = Object.fromEntries(Object.entries(feeds).map(([name, { dims }]) => [name, dims]));
const float = parseModel(await readFile(`${model}/unet/model.onnx`));
const denoiser = detachBiases(float, inferShapes(float, { inputDims }));
const shapes = inferShapes(denoiser, { inputDims });

// Observe the layers' inputs in float, here in one call; then round the weights and write the graph.
const layers = findLayers(denoiser.graph);
const sites = activationSites(layers, qdqTarget);
const sampling = new MersenneTwister(0);
const uniform = () => sampling.nextUint32() / 2 ** 32;
const observed = addObservers(denoiser, sites, { samplesPerCall: 1024, random: uniform, shapes });
const statistics = new ActivationStatistics(1, sites, 1024);
statistics.record(0, (await run(observed, feeds))[OBSERVATIONS_OUTPUT]!);

const compute = new Map<string, PackedWeight>();
for (const layer of layers) {
  const packed = await packWeight(layer, { bits: 8, purpose: 'compute', sink: async ({ data }) => data });
  compute.set(layer.id, packed);
}
const plan = { compute, store: new Map(), grids: statistics.grids(), corrections: new Map(), shapes };
export const integer = toIntegerGraph(denoiser, plan, qdqTarget);

const call = tensor('int64', [], BigInt64Array.of(0n));
const [expected] = Object.values(await run(float, feeds));
const [actual] = Object.values(await run(integer, { ...feeds, call_index: call }));
export const decibels = signalToNoise(expected!, actual!);
console.log(`${layers.length} layers by ${qdqTarget.name}: ${decibels.toFixed(1)} dB`);
await runtime.dispose();

async function run(
  graph: typeof float,
  given: Record<string, Tensor>,
): Promise<Record<string, Float32Array>> {
  const session = await runtime.load({ bytes: encodeModel(graph) });
  const outputs = await session.run(given);
  await session.dispose();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, (value as Tensor<'float32'>).data]),
  );
}

/** 10 · log10(Σ y² / Σ (y − ŷ)²). */
function signalToNoise(y: Float32Array, rounded: Float32Array): number {
  const signal = y.reduce((sum, value) => sum + value ** 2, 0);
  const noise = y.reduce((sum, value, i) => sum + (value - rounded[i]!) ** 2, 0);
  return 10 * Math.log10(signal / noise);
}

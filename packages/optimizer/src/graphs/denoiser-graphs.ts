import {
  applyCut,
  type CutCandidate,
  countMultiplyAdds,
  findCutsInPieces,
  findSpatialAttentions,
  freezeShapes,
  fuseAttention,
  inferShapes,
  leanModel,
  type OnnxModel,
  subsampleKeys,
  type TensorFacts,
  unfuseAttention,
} from '@cachequant/onnx';
import {
  detachBiases,
  excludeReason,
  findLayers,
  type IntegerTarget,
  type Layer,
  onnxRuntimeTarget,
  splitFirstToken,
} from '@cachequant/quantizer';
import { CacheQuantError, type InPieces } from '@cachequant/tensor';
import { CACHE_NAME } from '../calibration-context.js';

/** A graph whose sizes are fixed (but for the batch), with what is known about it. */
export interface AnalyzedGraph {
  readonly model: OnnxModel;
  readonly layers: readonly Layer[];
  /** Static, at the batch that calibration runs. */
  readonly shapes: ReadonlyMap<string, TensorFacts>;
  /** Multiply-adds by layer id, at that batch. */
  readonly layerMacs: ReadonlyMap<string, number>;
  /** Of everything, attention's own products included. */
  readonly totalMacs: number;
  /** What writes its integer form. */
  readonly target: IntegerTarget;
}

/** The two graphs that a cut makes of a denoiser. */
export interface DenoiserGraphs {
  readonly cut: CutCandidate;
  readonly cuts: readonly CutCandidate[];
  readonly full: AnalyzedGraph;
  readonly cached: AnalyzedGraph;
}

export interface GraphSizes {
  /** By graph input, at the batch that calibration runs. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  /** Inputs [B, S, D] by name, with their S, whose first token is computed apart (see `outlierInputs`); left out: none. */
  readonly outliers?: ReadonlyMap<string, number>;
  /** Whether self-attentions of the cached graph have keys of every second position alone. */
  readonly fewerCachedKeys?: boolean;
  /** Left out: ONNX Runtime's operators. */
  readonly target?: IntegerTarget;
}

/**
 * Cuts a denoiser in two and fixes everything about its sizes but the batch.
 * @param cutId left out: the first of the ranked candidates
 */
export function* makeDenoiserGraphs(
  source: OnnxModel,
  sizes: GraphSizes,
  cutId?: string,
): InPieces<DenoiserGraphs> {
  const model = splitFirstToken(leanModel(source), sizes.outliers ?? new Map());
  const cuts = yield* findCutsInPieces(model, { inputDims: sizes.inputDims });
  const cut = cutId === undefined ? cuts[0] : cuts.find((candidate) => candidate.id === cutId);
  if (!cut) {
    throw new CacheQuantError('unsupported', 'the denoiser has no place to cut', {
      where: cutId ?? 'denoiser',
      expected:
        cuts.length > 0
          ? `one of ${cuts.map((candidate) => candidate.id).join(', ')}`
          : 'a U-Net or a transformer',
      hint: 'Run `cachequant inspect` to see what was found.',
    });
  }
  const { full, cached, cacheName } = applyCut(model, cut);
  yield;
  const cacheDims = inferShapes(full, { inputDims: sizes.inputDims }).get(cacheName)?.dims;
  if (cacheName !== CACHE_NAME || !cacheDims?.every((dim) => typeof dim === 'number')) {
    throw new CacheQuantError('internal', 'the cached tensor has no fixed shape', { where: cacheName });
  }
  const cachedDims = { ...sizes.inputDims, [CACHE_NAME]: cacheDims as number[] };
  const analyzed = {
    full: yield* analyze(full, sizes.inputDims, { target: sizes.target }),
    cached: yield* analyze(cached, cachedDims, {
      fewerKeys: sizes.fewerCachedKeys,
      target: sizes.target,
    }),
  };
  return { cut, cuts, ...analyzed };
}

/** Inputs of so many dimensions have a batch: samples, states of texts, cached features. */
const LEAST_BATCHED = 3;

function* analyze(
  model: OnnxModel,
  inputDims: Readonly<Record<string, readonly number[]>>,
  {
    fewerKeys = false,
    target = onnxRuntimeTarget,
  }: { readonly fewerKeys?: boolean | undefined; readonly target?: IntegerTarget | undefined },
): InPieces<AnalyzedGraph> {
  const used = new Set(model.graph.inputs.map((input) => input.name));
  const dims = Object.fromEntries(Object.entries(inputDims).filter(([name]) => used.has(name)));
  const batch = Object.values(dims).find((sizes) => sizes.length >= LEAST_BATCHED)?.[0];
  const openBatch = Object.fromEntries(
    Object.entries(dims).map(([name, sizes]) => [
      name,
      // Some inputs have no batch, such as the places of tokens.
      sizes.map((size, axis) => (axis === 0 && size === batch ? null : size)),
    ]),
  );
  const plain = freezeShapes(model, openBatch);
  yield;
  const attending = fuseAttention(plain, inferShapes(plain, { inputDims: dims }));
  yield;
  const sparse = fewerKeys
    ? withFewerKeys(attending, inferShapes(attending, { inputDims: dims }))
    : attending;
  const fused = target.standardOperators ? unfuseAttention(sparse) : sparse;
  yield;
  const fusedShapes = inferShapes(fused, { inputDims: dims });
  yield;
  const frozen = detachBiases(
    fused,
    fusedShapes,
    (layer) => excludeReason(fused.graph, fusedShapes, layer) === undefined,
  );
  yield;
  const shapes = inferShapes(frozen, { inputDims: dims });
  yield;
  const macs = countMultiplyAdds(frozen, shapes);
  const layers = findLayers(frozen.graph);
  return {
    model: frozen,
    layers,
    shapes,
    layerMacs: new Map(layers.map((layer) => [layer.id, macs.byNode.get(layer.node)?.macs ?? 0])),
    totalMacs: macs.total,
    target,
  };
}

function withFewerKeys(model: OnnxModel, shapes: ReadonlyMap<string, TensorFacts>): OnnxModel {
  const found = findSpatialAttentions(model, shapes);
  return subsampleKeys(
    model,
    shapes,
    found.map(({ id }) => id),
  );
}

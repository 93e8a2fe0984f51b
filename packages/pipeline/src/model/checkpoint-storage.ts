import type { GraphOptions } from '@cachequant/architectures';
import type { Component } from '@cachequant/checkpoint';
import { encodeModel } from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';
import { builtGraphsOf, markBuiltGraphs } from './built-graphs.js';
import { CHECKPOINT_PARTS, type GraphPlace } from './checkpoint-part.js';
import { placeComputedWeights } from './computed-weights.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';

/** A part of a checkpoint, and where its files lie. */
export interface PlacedComponent extends Component {
  /** Folder of the storage that holds the files of its weights; '' is the top. */
  readonly folder: string;
  /** What is to stand beside its graphs: the files of its weights and, where there is one, its configuration. */
  readonly files: readonly string[];
}

/** What else a storage of a checkpoint shows. */
export interface CheckpointStorageOptions {
  /** Further files, in front of those of the storage. */
  readonly files?: ReadonlyMap<string, VirtualFile> | undefined;
  /** Which of the storage's own files are listed; all unless given. */
  readonly shows?: (path: string) => boolean;
  /** Whether U-Nets take the residuals of a ControlNet; left out: where there is one among the components. */
  readonly controlled?: boolean | undefined;
}

/**
 * Shows a checkpoint in the layout of exported models: graphs are built from the configurations when they are asked
 * for, and read their weights from the files of the storage. What lies in none, because it is computed, is computed
 * when it is read. Nothing is written.
 * @param components by the folders that diffusers keeps them in
 * @throws CacheQuantError `unsupported` for a part of a class that graphs cannot be built of, when its graph is read
 */
export async function checkpointStorage(
  base: Storage,
  components: ReadonlyMap<string, PlacedComponent>,
  {
    files = new Map(),
    shows = () => true,
    controlled = components.has('controlnet'),
  }: CheckpointStorageOptions = {},
): Promise<Storage> {
  // Pages that open exported models alone need not fetch it.
  const architectures = await import('@cachequant/architectures');
  const virtual = new Map<string, VirtualFile>(files);
  const graphs = new Map<string, readonly string[]>();
  const listed = new Set<string>();
  const options: GraphOptions = {
    // Pipelines with several text encoders take the states of an inner layer.
    hiddenStates: components.has('text_encoder_2'),
    // Who attends to padding, too, gives a mask of ones.
    attentionMask: true,
    controlResiduals: controlled,
  };
  for (const [name, component] of components) {
    for (const place of CHECKPOINT_PARTS.get(name) ?? []) {
      if (!hasPart(architectures, component, place)) continue;
      const described = [...files.keys()].filter((path) => path === `${place.folder}/${ADAPTERS}`);
      const sources = place.folder === name && component.folder === name ? [...component.files] : [];
      for (const [path, file] of filesOf(architectures, base, component, place, options)) {
        // Each file once: those who look at all files look at it once, too.
        const again = 'target' in file && listed.has(file.target);
        if ('target' in file) listed.add(file.target);
        if ('target' in file && !again) sources.push(path);
        virtual.set(path, again ? { ...file, unlisted: true } : file);
      }
      graphs.set(`${place.folder}/model.onnx`, [...sources, ...described]);
    }
  }
  const storage = layeredStorage(base, virtual, shows);
  markBuiltGraphs(storage, new Map([...builtGraphsOf(base), ...graphs]));
  return storage;
}

type Architectures = typeof import('@cachequant/architectures');

function hasPart(
  { findArchitecture, classOf }: Architectures,
  { config, weights }: Component,
  { part }: GraphPlace,
): boolean {
  const has = findArchitecture(classOf(config))?.parts;
  if (has !== undefined && !(part in has)) return false;
  // Some autoencoders are published as decoders alone.
  return part === 'model' || [...weights.names()].some((name) => name.startsWith(`${part}.`));
}

/** The file beside a graph that says what was merged into its weights; part of what makes the model what it is. */
const ADAPTERS = 'adapters.json';

/** More than any model has. */
const COMPUTED_FILES = 64;

function filesOf(
  { buildGraph }: Architectures,
  base: Storage,
  { config, weights, folder, files }: PlacedComponent,
  { folder: place, part }: GraphPlace,
  options: GraphOptions,
): [string, VirtualFile][] {
  const build = once(async () => {
    const { model } = buildGraph({ config, weights, part, folder, ...options });
    const computed = placeComputedWeights(model, computedName, (location) => {
      const path = folder === '' ? location : `${folder}/${location}`;
      return {
        name: path,
        size: Number.POSITIVE_INFINITY,
        read: (offset, length) => base.read(path, { offset, length }),
      };
    });
    return { bytes: encodeModel(model), computed };
  });
  const inFolder = (path: string) => (folder === '' ? path : path.slice(folder.length + 1));
  const beside = files.filter((path) => `${place}/${inFolder(path)}` !== path);
  return [
    [`${place}/model.onnx`, { make: async () => (await build()).bytes }],
    ...beside.map((path): [string, VirtualFile] => [`${place}/${inFolder(path)}`, { target: path }]),
    ...Array.from({ length: COMPUTED_FILES }, (_, index): [string, VirtualFile] => {
      const name = computedName(index);
      return [`${place}/${name}`, { unlisted: true, open: async () => (await build()).computed.get(name) }];
    }),
  ];
}

function computedName(index: number): string {
  return `computed-${index}`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

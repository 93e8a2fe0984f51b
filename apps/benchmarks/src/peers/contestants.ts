import path from 'node:path';
import { CACHE } from '../paths.js';
import type { CutGraphs } from './cut-graphs.js';
import type { OurWay } from './our-way.js';
import type { PeerRequest } from './peer-worker.js';

/** A rival: how it is called in results, and what its worker has to load. */
export interface Peer {
  readonly name: string;
  readonly request: PeerRequest;
}

/** Peers that are in memory together. Each block runs beside the float model and ours, which anchor it. */
export interface Block {
  readonly name: string;
  /** Further bundles of ours, in the runtime of the block's peers. */
  readonly ours?: readonly OurWay[];
  readonly peers: readonly Peer[];
}

/** Whole pictures of servers, which `bench:serve -- --peers` measures as well. */
export const SERVERS = 'stable-diffusion.cpp';
/** What `--blocks` takes. */
export const BLOCKS = ['OpenVINO', 'PyTorch', 'bfloat16', SERVERS] as const;

/**
 * All peers, in blocks that leave room for the anchors in 16 GiB. Those in bfloat16 are by themselves: a processor
 * without such instructions emulates them, tens of times slower.
 */
export function peerBlocks(
  float: CutGraphs,
  nncf: CutGraphs,
  inOpenVino: OurWay,
): readonly (Block & { readonly name: (typeof BLOCKS)[number] })[] {
  const openvino = (name: string, graphs: CutGraphs, precision: string): Peer => ({
    name,
    request: { peer: 'openvino', precision, ...graphs },
  });
  const pytorch = (name: string, precision: string): Peer => ({
    name,
    request: { peer: 'pytorch', precision, model: path.join(CACHE, 'sd15-unet/unet') },
  });
  return [
    {
      name: 'OpenVINO',
      ours: [inOpenVino],
      peers: [openvino('OpenVINO, float', float, 'f32'), openvino('OpenVINO, NNCF int8', nncf, 'default')],
    },
    { name: 'PyTorch', peers: [pytorch('PyTorch, float', 'float32')] },
    {
      name: 'bfloat16',
      peers: [openvino('OpenVINO, bf16', float, 'bf16'), pytorch('PyTorch, bf16', 'bfloat16')],
    },
  ];
}

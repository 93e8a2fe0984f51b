import { cpus } from 'node:os';
import type { Runtime } from '@cachequant/tensor';
import { packageVersion } from '../version.js';

/** What times were measured on. */
export function describeMachine({ threads }: Runtime): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  return `${model}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${process.platform} ${process.arch}`;
}

/** Versions that results depend on, by name. */
export function usedVersions({ name, version }: Runtime): Record<string, string> {
  return {
    cachequant: packageVersion(),
    [name === 'node-cpu' ? 'onnxruntime-node' : name]: version,
    node: process.versions.node,
  };
}

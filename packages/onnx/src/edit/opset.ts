import { canonicalDomain } from '../convert/graph.js';
import type { OnnxModel } from '../model.js';

/**
 * Makes a model import at least a version of a domain of operators; a newer one stays. The nodes are not converted:
 * for ai.onnx the caller answers for their meaning the same in the new version.
 */
export function setOpset(model: OnnxModel, domain: string, minVersion: number): void {
  const key = canonicalDomain(domain);
  model.opsetImports.set(key, Math.max(minVersion, model.opsetImports.get(key) ?? 0));
}

import type { PipelineParts } from './analysis/pipeline-parts.js';
import { tableLines } from './print-table.js';

export function pipelineLines({ pipeline, sampler, guidanceScale, ...parts }: PipelineParts): string[] {
  const calls = sampler.calls === null ? '' : ` (${sampler.calls} network calls)`;
  return [
    'Pipeline',
    ...tableLines([
      ['kind', pipeline ?? 'unknown'],
      ['text', parts.textEncoder ? 'yes' : 'none'],
      ['samples', parts.vaeDecoder ? 'latents, decoded by a VAE' : 'pixels'],
      ['sampler', `${sampler.name ?? 'unknown'}, ${sampler.steps} steps${calls}`],
      ...(sampler.problem === null ? [] : [['', sampler.problem]]),
      ['guidance scale', guidanceScale === null ? 'none' : String(guidanceScale)],
    ]),
  ];
}

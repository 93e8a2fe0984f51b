import type { PipelineParts } from '../analysis/pipeline-parts.js';
import { tableLines } from './print-table.js';

export function pipelineLines({
  pipeline,
  sampler,
  guidanceScale,
  notes,
  ...parts
}: PipelineParts): string[] {
  const calls = sampler.calls === null ? '' : ` (${sampler.calls} network calls)`;
  return [
    'Pipeline',
    ...tableLines([
      ['kind', pipeline ?? 'unknown'],
      ['text', parts.textEncoder ? 'yes' : 'none'],
      ...(parts.classes === null ? [] : [['classes', String(parts.classes)]]),
      ['samples', samplesOf(parts)],
      ['sampler', `${sampler.name ?? 'unknown'}, ${sampler.steps} steps${calls}`],
      ...(sampler.problem === null ? [] : [['', sampler.problem]]),
      ['guidance scale', guidanceScale === null ? 'none' : String(guidanceScale)],
      ...notes.map((note) => ['', note] as const),
    ]),
  ];
}

function samplesOf({
  vaeDecoder,
  unreadDecoder,
}: Pick<PipelineParts, 'vaeDecoder' | 'unreadDecoder'>): string {
  if (vaeDecoder) return 'latents, decoded by a VAE';
  return unreadDecoder === null ? 'pixels' : `latents, decoded by ${unreadDecoder}, which cannot be run here`;
}

import { CacheQuantError } from '@cachequant/tensor';

/** What a pipeline's class stands for where the configuration of a part is missing. */
export interface PipelineConstants {
  /** Latents are divided by it before they are decoded. */
  readonly scalingFactor: number;
  /** Height and width of the latents that the model was trained for. */
  readonly sampleSize: number;
}

/**
 * Classes whose folders never had these files. Those of optimum have them: where one is missing there it was lost, and
 * the model's factor may be another.
 * Source: diffusers, pipeline_onnx_stable_diffusion.py: 0.18215, and 512 pixels of 8 × 8 latents.
 */
const CLASSES: readonly (readonly [pattern: RegExp, constants: PipelineConstants])[] = [
  [/^OnnxStableDiffusion(Pipeline|Img2Img|Inpaint)/, { scalingFactor: 0.18215, sampleSize: 64 }],
];

/** Constants of a class; undefined for one that is not known. */
export function findPipelineConstants(className: string | undefined): PipelineConstants | undefined {
  return CLASSES.find(([pattern]) => pattern.test(className ?? ''))?.[1];
}

/**
 * Constants of the pipelines whose old ONNX exports have no `config.json` beside their graphs.
 * @param className `_class_name` of model_index.json
 * @param missing the file that would have said it
 * @throws CacheQuantError `storage` for a class that is not known: a guessed factor would make wrong pictures
 */
export function pipelineConstants(className: string | undefined, missing: string): PipelineConstants {
  const found = findPipelineConstants(className);
  if (found) return found;
  throw new CacheQuantError('storage', 'the file is missing', {
    where: missing,
    hint: 'Copy it from the model that was exported: it says what latents are multiplied with',
  });
}

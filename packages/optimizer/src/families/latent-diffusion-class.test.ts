import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'latent-diffusion-class',
  family: 'Latent diffusion, classes',
  pipeline: "its authors' loop over UNet2DConditionModel",
  asks: 'class label',
  source: modelStorage('tiny/ldm-class'),
  golden: await goldenOf('tiny/ldm-class'),
  options: { guidanceScale: 3 },
  requestOf: ({ classLabel, seed }) => ({ ...(classLabel !== undefined && { classLabel }), seed }),
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a class',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /the class label is missing/,
    },
    {
      what: 'a class beyond the last',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), { classLabel: 10 }),
      error: /from 0 to 9/,
    },
    {
      what: 'a table without its configuration',
      run: async ({ runtime }) => {
        const storage = await modelCopy('tiny/ldm-class', {
          'class_embedder/config.json': undefined,
          'class_embedder/diffusion_pytorch_model.safetensors': undefined,
          'class_embedder/model.onnx': 'x',
        });
        return createGenerator({ storage, runtime });
      },
      error: /class_embedder\/config.json: the file is missing/,
    },
  ],
});

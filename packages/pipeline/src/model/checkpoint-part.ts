import type { Part } from '@cachequant/architectures';

/** Where exporters put the graphs of a part. */
export interface GraphPlace {
  readonly folder: string;
  readonly part: Part;
}

const single = (folder: string): readonly [string, readonly GraphPlace[]] => [
  folder,
  [{ folder, part: 'model' }],
];
const autoencoder = (folder: string): readonly [string, readonly GraphPlace[]] => [
  folder,
  [
    { folder: 'vae_decoder', part: 'decoder' },
    { folder: 'vae_encoder', part: 'encoder' },
  ],
];

/** What people call the folder of an AutoencoderTiny that lies beside a model's own autoencoder. */
export const TINY_DECODER_FOLDERS = ['taesd', 'tiny_vae'];

/** The parts of a pipeline that graphs are built of, by the folders that diffusers keeps them in. */
export const CHECKPOINT_PARTS: ReadonlyMap<string, readonly GraphPlace[]> = new Map([
  ...[
    'unet',
    'transformer',
    'controlnet',
    'text_encoder',
    'text_encoder_2',
    'text_encoder_3',
    'class_embedder',
  ].map(single),
  ...['vae', 'vqvae'].map(autoencoder),
  ...TINY_DECODER_FOLDERS.map((folder): [string, readonly GraphPlace[]] => [
    folder,
    [{ folder: 'tiny_decoder', part: 'decoder' }],
  ]),
  // What latent diffusion calls its text encoder.
  ['bert', [{ folder: 'text_encoder', part: 'model' }]],
]);

import { CacheQuantError } from '@cachequant/tensor';

const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [
    /Cannot find (package|module).*onnxruntime-node/,
    'Install it beside this package: npm install onnxruntime-node',
  ],
  [
    /onnxruntime_binding\.node/,
    'onnxruntime-node has no binary for this platform; see the platform table of @cachequant/runtime-node',
  ],
  [
    /Protobuf parsing failed|INVALID_PROTOBUF/i,
    'Check that the file is an ONNX model and was downloaded whole',
  ],
  [/IR version|[Oo]pset/, 'Export the model for an older opset, or install a newer onnxruntime-node'],
  [
    /is not a registered function\/op|No Op registered|NOT_IMPLEMENTED/,
    'The CPU provider lacks this operator or this element type',
  ],
  [/[Ee]xternal/, 'Put the external data file into the model’s folder, or hand it over in `externalData`'],
  [
    /bad_alloc|[Ff]ailed to allocate|out of memory/,
    'There is too little memory: use smaller batches or fewer sessions',
  ],
];

/** Wraps a message of ONNX Runtime with the place and, for the usual cases, what to do. */
export function ortError(summary: string, where: string, message: string): CacheQuantError {
  const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1];
  return new CacheQuantError('runtime', summary, {
    where,
    got: message,
    ...(hint === undefined ? {} : { hint }),
  });
}

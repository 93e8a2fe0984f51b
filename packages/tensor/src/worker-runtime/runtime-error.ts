import { CacheQuantError } from '../index.js';

/** What to do about messages that match. */
export type Hint = readonly [pattern: RegExp, hint: string];

const HINTS: readonly Hint[] = [
  [
    /Protobuf parsing failed|INVALID_PROTOBUF/i,
    'Check that the file is an ONNX model and was downloaded whole',
  ],
  [/IR version|[Oo]pset/, 'Export the model for an older opset, or install a newer ONNX Runtime'],
  [
    /is not a registered function\/op|No Op registered|NOT_IMPLEMENTED/,
    'The provider lacks this operator or this element type',
  ],
  [/[Ee]xternal/, 'Put the external data file into the model’s folder, or hand it over in `externalData`'],
  [
    /bad_alloc|[Ff]ailed to allocate|out of memory/i,
    'There is too little memory: use smaller batches or fewer sessions',
  ],
];

/**
 * Wraps a message of ONNX Runtime with the place and, for the usual cases, what to do.
 *
 * @param hints of one runtime, looked at before the common ones
 */
export function runtimeError(
  summary: string,
  where: string,
  message: string,
  hints: readonly Hint[] = [],
): CacheQuantError {
  const hint = [...hints, ...HINTS].find(([pattern]) => pattern.test(message))?.[1];
  return new CacheQuantError('runtime', summary, {
    where,
    got: message,
    ...(hint === undefined ? {} : { hint }),
  });
}

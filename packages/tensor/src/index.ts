export { type ByteSource, bytesSource, openSource, plainBytes, readExactly } from './byte-source.js';
export {
  allocate,
  bitsOf,
  byteLengthOf,
  type DType,
  type DTypeArrays,
  fromBytes,
  type TensorData,
  toBytes,
} from './dtype.js';
export { CacheQuantError, type ErrorCode, type ErrorDetails, throwIfAborted } from './errors.js';
export { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16.js';
export { finish, finishUnlessAborted, type InPieces, takeTurns } from './in-pieces.js';
export { packInt4, packUint4, unpackInt4, unpackUint4 } from './int4.js';
export { isLfsPointer, lfsPointerError, refuseLfsPointer } from './lfs-pointer.js';
export { type MemoryStorage, memoryStorage, type StorageFaults } from './memory-storage.js';
export { MersenneTwister } from './mersenne-twister.js';
export { type OwnedStorage, ownedPaths, ownedStorage } from './owned-storage.js';
export { parseJson } from './parse-json.js';
export { requireInteger } from './require-integer.js';
export type {
  Feeds,
  LoadOptions,
  ModelSource,
  Outputs,
  ProfiledNode,
  RunOptions,
  Runtime,
  RuntimeCapabilities,
  Session,
} from './runtime.js';
export {
  type FileStat,
  isLockedError,
  lockedError,
  readText,
  type Storage,
  type StorageLock,
  type StorageWriter,
  writeFile,
} from './storage.js';
export { storageFolder } from './storage-folder.js';
export { checkStoragePath, checkStoragePrefix, checkStorageRange } from './storage-path.js';
export {
  type DeviceTensor,
  elementCount,
  isDeviceTensor,
  readTensor,
  type Tensor,
  type TensorInfo,
  tensor,
} from './tensor.js';
export { TorchGenerator } from './torch-random.js';
export type { TwoFold } from './two-fold.js';

export { type QueueBackendOptions, queueBackend } from './front/queue-backend.js';
export { type PictureRequest, pictureKey, pictureRequestSchema } from './jobs/picture-request.js';
export type { QueuedModel } from './jobs/queued-model.js';
export {
  type AskedPicture,
  type AskOptions,
  findModel,
  PictureQueue,
  type PictureQueueOptions,
} from './picture-queue.js';
export { folderArchive } from './pictures/folder-archive.js';
export type { PictureArchive } from './pictures/picture-archive.js';
export type { ArchivedPicture, PictureDetails } from './pictures/picture-file.js';
export { type S3Place, s3Archive } from './pictures/s3-archive.js';
export {
  type QueueWorker,
  type QueueWorkerOptions,
  startQueueWorker,
} from './worker/queue-worker.js';
export type { WorkerModel } from './worker/worker-model.js';

export { ApiError, type ApiErrorDetails, type ErrorBody } from './faults/api-error.js';
export { DEFAULT_LIMITS, type ServerLimits } from './limits.js';
export { type ModelPlace, serveModel } from './models/open-model.js';
export type { LoadedModel, PictureGenerator, ServedModel } from './models/served-model.js';
export {
  createPictureServer,
  type Listening,
  type PictureServer,
  type PictureServerOptions,
} from './server.js';

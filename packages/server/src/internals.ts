// What the other packages of CacheQuant build on. Not part of the public interface: it may change in any version.

export { type DrawOptions, drawPictures, latentPicture } from './drawing/draw-pictures.js';
export { stopping } from './drawing/job-queue.js';
export { doneShare, type OrderStatus, statusOf } from './drawing/order-status.js';
export type { DrawnPicture, DrawnPictures, PictureEvents, PictureOrder } from './drawing/picture-order.js';
export { enlarge } from './drawing/pictures.js';
export { type Studio, tooLate } from './drawing/studio.js';
export { pixelsOf, upright } from './drawing/uploaded-picture.js';
export { createLog, logChange } from './log.js';
export { ModelShelf, unknownModel } from './models/model-shelf.js';
export { createHealthServer, type HealthServer } from './operations/health-server.js';
export { ServerMetrics } from './operations/metrics.js';

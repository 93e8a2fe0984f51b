import { doneShare, type OrderStatus } from '../drawing/order-status.js';
import { base64Picture } from '../drawing/pictures.js';
import type { Studio } from '../drawing/studio.js';

const IDLE = {
  progress: 0,
  eta_relative: 0,
  state: { job: '', job_count: 0, job_no: 0, sampling_step: 0, sampling_steps: 0 },
  current_image: null,
};

/** What GET /sdapi/v1/progress answers: where the order is that is being drawn, if it came by this interface. */
export async function progressOf(studio: Studio, skipImage: boolean) {
  const running = studio.running.find(({ via }) => via === 'automatic1111');
  if (running === undefined) return IDLE;
  const picture = skipImage ? undefined : await studio.glimpse(running);
  return {
    progress: doneShare(running),
    eta_relative: secondsLeft(running),
    state: {
      job: running.id,
      job_count: running.images,
      job_no: running.image,
      sampling_step: running.call,
      sampling_steps: running.calls,
    },
    current_image: picture ? await base64Picture(picture, { format: 'png' }) : null,
  };
}

function secondsLeft(status: OrderStatus): number {
  const share = doneShare(status);
  const seconds = (performance.now() - (status.startedMs ?? performance.now())) / 1000;
  return share === 0 ? 0 : (seconds * (1 - share)) / share;
}

import { featureDistances, planRefreshes, scheduleCost, uniformSchedule } from '@cachequant/scheduler';

// The cached feature at each of 20 network calls. Here it changes most around call 12; yours comes from your model.
const features = Array.from({ length: 20 }, (_, call) =>
  [0, 1, 2, 3].map((channel) => Math.tanh((call - 12) / 2 + channel)),
);

const distances = featureDistances(features);
const { refreshCalls, cost } = planRefreshes(distances, { interval: 5 });
const even = uniformSchedule(20, 4);

console.log(`refresh at calls ${refreshCalls.join(', ')}: error ${cost.toFixed(2)}`);
console.log(`evenly spaced, ${even.join(', ')}: error ${scheduleCost(distances, even).toFixed(2)}`);

import { type DeviceTensor, isDeviceTensor, type Tensor } from '@cachequant/tensor';

type Feature = Tensor | DeviceTensor;

/** The cached features of the last refreshes, kept apart for every stream, and freed when no longer needed. */
export class Anchors {
  private readonly streams = new Map<number, readonly Feature[]>();

  constructor(private readonly capacity: number) {}

  /** Keeps the newest feature and lets go of the oldest beyond the capacity. */
  push(stream: number, feature: Feature): void {
    const all = [feature, ...(this.streams.get(stream) ?? [])];
    this.streams.set(stream, all.slice(0, this.capacity));
    free(all.slice(this.capacity));
  }

  /** Newest first. */
  of(stream: number): readonly Feature[] {
    return this.streams.get(stream) ?? [];
  }

  clear(): void {
    for (const features of this.streams.values()) free(features);
    this.streams.clear();
  }
}

function free(features: readonly Feature[]): void {
  for (const feature of features) if (isDeviceTensor(feature)) feature.dispose();
}

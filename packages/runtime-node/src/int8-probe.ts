import type { Runtime } from '@cachequant/tensor';
export async function probeInt8FullRange(_runtime: Pick<Runtime, 'load'>): Promise<boolean> {
  return false;
}

import { type RgbImage, toRgba } from '@cachequant/pipeline';

/** A picture for `context.putImageData`. */
export function toImageData(image: RgbImage): ImageData {
  const { width, height } = image;
  return new ImageData(toRgba(image), width, height);
}

/** Shows a picture on a canvas, which takes its size. */
export function drawImage(canvas: HTMLCanvasElement, image: RgbImage): void {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')?.putImageData(toImageData(image), 0, 0);
}

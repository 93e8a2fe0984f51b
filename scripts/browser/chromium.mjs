// @ts-check
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
];

/**
 * The system's Chromium, or the one that the environment variable CHROMIUM names.
 *
 * @returns {string | undefined} undefined where there is none
 */
export function findChromium() {
  return [process.env.CHROMIUM ?? '', ...places].find((place) => place !== '' && existsSync(place));
}

/** What tests say who could not run. */
export const missingChromium = 'no Chromium: install it (apt-get install chromium) or name it in CHROMIUM';

/**
 * Flags that give WebGPU on a machine without a graphics processor: by SwiftShader, which computes on the processor.
 * It has no half precision in shaders.
 */
export const softwareGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan,WebGPU',
  '--use-vulkan=swiftshader',
];

/**
 * Starts a headless Chromium that asks for nothing but what its pages ask for.
 *
 * @param {readonly string[]} [flags] further ones
 */
export async function launchChromium(flags = []) {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(missingChromium);
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    ...flags,
  ];
  return chromium.launch({ executablePath, headless: true, args });
}

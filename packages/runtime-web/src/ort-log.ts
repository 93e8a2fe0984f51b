const METHODS = ['error', 'warn', 'log', 'info', 'debug'] as const;

/** What ONNX Runtime prints while something runs. */
export interface OrtLog {
  during<T>(run: () => Promise<T>): Promise<{ value: T; lines: string[] }>;
}

/**
 * Takes ONNX Runtime's log away from the console of this worker, where it goes and nowhere else. To be called before
 * ONNX Runtime starts, as it holds on to the methods that it finds then. Other lines are printed as ever.
 */
export function takeOrtLog(): OrtLog {
  let lines: string[] | undefined;
  for (const name of METHODS) {
    const print = console[name].bind(console);
    console[name] = (...parts: unknown[]) => {
      const line = parts.join(' ');
      if (line.includes(':onnxruntime:')) lines?.push(line);
      else print(...parts);
    };
  }
  return {
    async during(run) {
      const taken: string[] = [];
      lines = taken;
      try {
        return { value: await run(), lines: taken };
      } finally {
        lines = undefined;
      }
    },
  };
}

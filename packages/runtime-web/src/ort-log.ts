const METHODS = ['error', 'warn', 'log', 'info', 'debug'] as const;

/**
 * What ONNX Runtime prints while something runs. Its log goes to the console, and nowhere else; lines that are not
 * of that log are printed as they would have been.
 */
export async function withLog<T>(run: () => Promise<T>): Promise<{ value: T; log: string[] }> {
  const log: string[] = [];
  const before = METHODS.map((name) => console[name]);
  for (const [i, name] of METHODS.entries()) {
    console[name] = (...parts: unknown[]) => {
      const line = parts.join(' ');
      if (line.includes(':onnxruntime:')) log.push(line);
      else before[i]!(...parts);
    };
  }
  try {
    return { value: await run(), log };
  } finally {
    for (const [i, name] of METHODS.entries()) console[name] = before[i]!;
  }
}

// @ts-check

/** One line for each stage, with its time; on a terminal the line counts while the stage runs. */
export function stageLine() {
  let name = '';
  let startMs = 0;
  const end = () => {
    if (name === '') return;
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`${process.stdout.isTTY ? '\r' : ''}  ${name.padEnd(40)} ${seconds.padStart(6)} s          `);
    name = '';
  };
  return {
    end,
    /** @param {string} next @param {boolean} reused */
    stage(next, reused) {
      end();
      if (reused) return;
      name = next;
      startMs = performance.now();
    },
    /** @param {number} done @param {number} total */
    progress(done, total) {
      if (process.stdout.isTTY && name !== '')
        process.stdout.write(`\r  ${name.slice(0, 40).padEnd(40)} ${done}/${total}   `);
    },
  };
}

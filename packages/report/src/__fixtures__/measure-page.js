// In the page: what is cut off, and which labels of the scatter plot lie on others.
(() => {
  const visible = (element) => element.getClientRects().length > 0;
  const cells = [...document.querySelectorAll('.stacked td')].filter(visible);
  const right = document.documentElement.clientWidth;
  const labels = [...document.querySelectorAll('.point-label')].filter(visible);
  const boxes = labels.map((label) => label.getBoundingClientRect());
  const covered = boxes.flatMap((a, i) =>
    boxes
      .slice(i + 1)
      .filter((b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1)
      .filter((b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
      .map((b) => `${labels[i].textContent} and ${labels[boxes.indexOf(b)].textContent}`),
  );
  return {
    wider: document.documentElement.scrollWidth > right,
    clipped: cells
      .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.getBoundingClientRect().right > right)
      .map((cell) => cell.textContent),
    labels: labels.length,
    covered,
  };
})();

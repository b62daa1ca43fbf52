// The outline around chosen cells: corners in data coordinates.

/** Corners that lie further than ``within`` from the line through the kept ones (Ramer 1972; Douglas & Peucker 1973). */
export function simplified(corners, within) {
  if (corners.length < 4) return corners;
  const keep = new Uint8Array(corners.length);
  keep[0] = keep[corners.length - 1] = 1;
  const open = [[0, corners.length - 1]];
  while (open.length) {
    const [first, last] = open.pop();
    const [x0, y0] = corners[first], [x1, y1] = corners[last];
    const length = Math.hypot(x1 - x0, y1 - y0);
    let far = 0, farthest = -1;
    for (let i = first + 1; i < last; i++) {
      const [x, y] = corners[i];
      const distance = length ? Math.abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length : Math.hypot(x - x0, y - y0);
      if (distance > far) [far, farthest] = [distance, i];
    }
    if (far > within) {
      keep[farthest] = 1;
      open.push([first, farthest], [farthest, last]);
    }
  }
  return corners.filter((_, i) => keep[i]);
}

/** A drawn path in pixels as at most 300 corners; null where it encloses nothing. */
export function closed(path) {
  let corners = path, within = 0.7;
  do {
    corners = simplified(path, within);
    within *= 1.6;
  } while (corners.length > 300);
  let area = 0;
  corners.forEach(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % corners.length];
    area += x * nextY - nextX * y;
  });
  // A lasso that crosses itself may have no signed area; its extent tells a drawing from a click.
  const wide = Math.max(...corners.map((c) => c[0])) - Math.min(...corners.map((c) => c[0]));
  const high = Math.max(...corners.map((c) => c[1])) - Math.min(...corners.map((c) => c[1]));
  return corners.length >= 3 && (Math.abs(area) > 16 || Math.min(wide, high) > 4) ? corners : null;
}

/** SVG path of corners in pixels. */
export function svgPath(corners, close = true) {
  return corners.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") + (close ? "Z" : "");
}

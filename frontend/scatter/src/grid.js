// Which cells are near a place, and how many are on screen. Positions are uint16 shares of the bounding box; 65535 is "no place".

const COARSE = 64; // bins a side to count what is on screen
const FINE = 256; // bins a side to find the cell under the pointer

export const NOWHERE = 65535;
export const FULL = 65534;

export class Grid {
  /** places: Uint16Array of x and y, interleaved. */
  constructor(places) {
    this.places = places;
    const counts = new Uint32Array(COARSE * COARSE);
    const shift = 16 - Math.log2(COARSE);
    for (let i = 0; i < places.length; i += 2) {
      if (places[i] !== NOWHERE) counts[(places[i + 1] >> shift) * COARSE + (places[i] >> shift)]++;
    }
    this.counts = counts;
  }

  /** About how many cells lie in a rectangle, and in what share of the bounding box; all in shares of the bounding box. */
  within([left, bottom, right, top]) {
    const part = (bin, low, high) => Math.max(Math.min((bin + 1) / COARSE, high) - Math.max(bin / COARSE, low), 0) * COARSE;
    let cells = 0, area = 0;
    for (let row = 0; row < COARSE; row++) {
      const high = part(row, bottom, top);
      if (!high) continue;
      for (let column = 0; column < COARSE; column++) {
        const its = this.counts[row * COARSE + column];
        if (!its) continue;
        const share = high * part(column, left, right);
        cells += its * share;
        area += share;
      }
    }
    return { cells, area: area / COARSE ** 2 };
  }

  // Cells sorted by bin, made when the pointer first needs it: 1M cells take about 30 ms.
  index() {
    if (this.starts) return;
    const { places } = this, n = places.length / 2;
    const shift = 16 - Math.log2(FINE);
    const starts = new Uint32Array(FINE * FINE + 1);
    for (let i = 0; i < n; i++) starts[(places[2 * i + 1] >> shift) * FINE + (places[2 * i] >> shift) + 1]++;
    for (let bin = 0; bin < FINE * FINE; bin++) starts[bin + 1] += starts[bin];
    const next = starts.slice(0, -1), rows = new Uint32Array(n);
    for (let i = 0; i < n; i++) rows[next[(places[2 * i + 1] >> shift) * FINE + (places[2 * i] >> shift)]++] = i;
    this.starts = starts;
    this.rows = rows;
  }

  /**
   * Row of the cell nearest to a place, or -1. u, v: shares of the bounding box; ru, rv: the radius in the same;
   * rank(row): larger is preferred at any distance, below 0 is not there.
   */
  nearest(u, v, ru, rv, rank) {
    this.index();
    const { places, starts, rows } = this;
    const bin = (share) => Math.min(Math.max(Math.floor((share * FULL) / (65536 / FINE)), 0), FINE - 1);
    let best = -1, bestRank = -1, bestDistance = 1;
    for (let row = bin(v - rv); row <= bin(v + rv); row++) {
      for (let k = starts[row * FINE + bin(u - ru)]; k < starts[row * FINE + bin(u + ru) + 1]; k++) {
        const cell = rows[k];
        const dx = (places[2 * cell] / FULL - u) / ru, dy = (places[2 * cell + 1] / FULL - v) / rv;
        const distance = dx * dx + dy * dy;
        if (distance > 1 || places[2 * cell] === NOWHERE) continue;
        const its = rank(cell);
        if (its > bestRank || (its === bestRank && its >= 0 && distance < bestDistance)) {
          best = cell;
          bestRank = its;
          bestDistance = distance;
        }
      }
    }
    return best;
  }
}

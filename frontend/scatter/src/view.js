// What part of the map is on screen. Cells are placed in units of the bounding box's longer side: u in 0..1 on both axes, y up.

const EDGE = 22; // pixels around the whole map, where the names of the axes stand

export class View {
  constructor() {
    this.width = this.height = 1; // CSS pixels
    this.reset();
  }

  /** The whole map. */
  reset() {
    this.zoom = 1;
    this.x = this.y = 0.5; // middle of the screen, in shares of the bounding box
  }

  /** box: [left, bottom, right, top] of the data. */
  setBox(box) {
    this.box = box;
    this.w = Math.max(box[2] - box[0], 1e-30);
    this.h = Math.max(box[3] - box[1], 1e-30);
  }

  /** Pixels a data unit, the same on both axes: distances on a map must not depend on the window. */
  get scale() {
    const room = (pixels) => Math.max(pixels - 2 * EDGE, 0.5 * pixels);
    return this.zoom * Math.min(room(this.width) / this.w, room(this.height) / this.h);
  }

  toScreen(x, y) {
    const s = this.scale;
    const middleX = this.box[0] + this.x * this.w, middleY = this.box[1] + this.y * this.h;
    return [this.width / 2 + (x - middleX) * s, this.height / 2 - (y - middleY) * s];
  }

  toData(px, py) {
    const s = this.scale;
    const middleX = this.box[0] + this.x * this.w, middleY = this.box[1] + this.y * this.h;
    return [middleX + (px - this.width / 2) / s, middleY - (py - this.height / 2) / s];
  }

  /** Clip coordinates = share of the bounding box * (ax, ay) + (bx, by). */
  clip() {
    const s = this.scale;
    const ax = (2 * s * this.w) / this.width, ay = (2 * s * this.h) / this.height;
    return [ax, ay, -this.x * ax, -this.y * ay];
  }

  pan(dx, dy) {
    const s = this.scale;
    this.x -= dx / s / this.w;
    this.y += dy / s / this.h;
    this.hold();
  }

  /** Zooms by a factor and keeps the data under the pixel where they are. */
  zoomAt(factor, px, py) {
    const before = this.toData(px, py);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 400);
    const after = this.toData(px, py);
    this.x += (before[0] - after[0]) / this.w;
    this.y += (before[1] - after[1]) / this.h;
    this.hold();
  }

  // The middle of the screen never leaves the map: nobody gets lost on an empty canvas.
  hold() {
    this.x = Math.min(Math.max(this.x, 0), 1);
    this.y = Math.min(Math.max(this.y, 0), 1);
  }

  /** The visible part in shares of the bounding box: [left, bottom, right, top]. */
  visible() {
    const [l, t] = this.toData(0, 0), [r, b] = this.toData(this.width, this.height);
    const [x0, y0] = this.box;
    return [(l - x0) / this.w, (b - y0) / this.h, (r - x0) / this.w, (t - y0) / this.h];
  }
}

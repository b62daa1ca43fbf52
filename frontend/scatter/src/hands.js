// Mouse, finger and keyboard on the map.

import { closed } from "./outline.js";

const STEP = 48; // pixels an arrow key moves the map

export class Hands {
  constructor(scatter, surface) {
    this.scatter = scatter;
    this.fingers = new Map();
    this.path = null;
    const on = (name, act, options) => surface.addEventListener(name, act, options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event, true));
    on("pointerleave", () => scatter.hover(null));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", () => scatter.look((view) => view.reset()));
    on("keydown", (event) => this.key(event));
  }

  place(event) {
    const box = this.scatter.surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button !== 0) return;
    const { surface } = this.scatter;
    surface.setPointerCapture(event.pointerId);
    surface.focus({ preventScroll: true });
    const at = this.place(event);
    this.fingers.set(event.pointerId, at);
    this.scatter.hover(null);
    if (this.fingers.size > 1) this.drop();
    else {
      const mode = event.shiftKey && this.scatter.data.select && this.scatter.mode === "move" ? "lasso" : this.scatter.mode;
      if (mode !== "move") this.path = { mode, corners: [at] };
    }
    event.preventDefault();
  }

  move(event) {
    const at = this.place(event);
    const before = this.fingers.get(event.pointerId);
    if (!before) return this.scatter.hover(at);
    this.fingers.set(event.pointerId, at);
    if (this.fingers.size === 2) return this.pinch(event.pointerId, before, at);
    if (!this.path) return this.scatter.look((view) => view.pan(at[0] - before[0], at[1] - before[1]));
    const { corners, mode } = this.path;
    if (mode === "box") {
      const [[x, y]] = corners;
      this.path.corners = [[x, y], [at[0], y], at, [x, at[1]]];
    } else if (Math.hypot(at[0] - corners.at(-1)[0], at[1] - corners.at(-1)[1]) > 1.5) corners.push(at);
    this.scatter.sketch(this.path.corners);
  }

  pinch(id, before, at) {
    const [other] = [...this.fingers].filter(([finger]) => finger !== id).map(([, place]) => place);
    const distance = (place) => Math.max(Math.hypot(place[0] - other[0], place[1] - other[1]), 1);
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.scatter.look((view) => {
      view.zoomAt(distance(at) / distance(before), ...middle);
      view.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    });
  }

  up(event, cancelled = false) {
    this.fingers.delete(event.pointerId);
    if (!this.path) return;
    const { corners } = this.path;
    const whole = cancelled ? null : closed(corners);
    this.drop();
    if (whole) this.scatter.choose(whole.map(([x, y]) => this.scatter.view.toData(x, y)));
  }

  /** Forgets the outline that is being drawn. */
  drop() {
    this.path = null;
    this.scatter.sketch(null);
  }

  wheel(event) {
    event.preventDefault(); // the page stays where it is while the map is zoomed
    const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
    const factor = Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * 0.0018);
    const at = this.scatter.pointer ?? this.place(event); // a wheel tells whole pixels, a pointer their parts
    this.scatter.look((view) => view.zoomAt(factor, ...at));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { scatter } = this;
    const centre = (factor) => scatter.look((view) => view.zoomAt(factor, view.width / 2, view.height / 2));
    const keys = {
      ArrowLeft: () => scatter.look((view) => view.pan(STEP, 0)),
      ArrowRight: () => scatter.look((view) => view.pan(-STEP, 0)),
      ArrowUp: () => scatter.look((view) => view.pan(0, STEP)),
      ArrowDown: () => scatter.look((view) => view.pan(0, -STEP)),
      "+": () => centre(1.4),
      "=": () => centre(1.4),
      "-": () => centre(1 / 1.4),
      _: () => centre(1 / 1.4),
      0: () => scatter.look((view) => view.reset()),
      Escape: () => (this.path ? this.drop() : scatter.choose(null)),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    keys[event.key]();
  }
}

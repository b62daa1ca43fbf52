// One map: holds what Python said and what the reader does, and draws only when one of them changes.

import { bytesAt, linesAt } from "./data.js";
import { count, iconButton, make, rgb } from "./dom.js";
import { FULL, Grid } from "./grid.js";
import { Hands } from "./hands.js";
import { Legend } from "./legend.js";
import { svgPath } from "./outline.js";
import { savePng, saveSvg } from "./picture.js";
import { Points } from "./points.js";
import style from "./style.css";
import { View } from "./view.js";

const QUICK = 0.045; // seconds a frame may take while the reader moves the map
const HELP = "Drag to move, scroll to zoom, shift-drag to draw around cells. Keys: arrows move, plus and minus zoom, 0 shows all, Escape clears the outline.";

export class Scatter {
  constructor(host) {
    this.view = new View();
    this.mode = "move";
    this.token = 0;
    this.pointer = null;
    this.fullFrame = 0;
    this.serial = 0;
    this.build(host);
    this.hands = new Hands(this, this.surface);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.stage);
    try {
      this.points = new Points(this.canvas);
    } catch {
      this.points = null; // told to Python in update(), which then draws a picture
    }
  }

  build(host) {
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.path = make("path", { class: "outline" });
    this.overlay = make("svg", { class: "overlay", "aria-hidden": "true" }, this.path);
    this.axes = make("div", { class: "axes", "aria-hidden": "true" });
    this.tip = make("div", { class: "tip", hidden: true });
    this.surface = make("div", { class: "surface", tabindex: 0, role: "application", "aria-roledescription": "map of cells" });
    this.note = make("div", { class: "note", role: "status" });
    this.live = make("div", { class: "spoken", "aria-live": "polite" });
    this.legend = new Legend(() => {
      this.points.setPalette(this.legend.palette(rgb));
      this.request();
      this.speak();
    });
    const modes = [["move", "Move the map"], ["lasso", "Draw around cells"], ["box", "Choose cells with a box"]];
    this.modes = Object.fromEntries(modes.map(([mode, words]) => [mode, iconButton(mode, words, () => this.setMode(mode))]));
    const zoom = (factor) => () => this.look((view) => view.zoomAt(factor, view.width / 2, view.height / 2));
    const save = (words, title, act) => make("button", { type: "button", class: "save", title, onclick: act }, words);
    this.saveSvg = save("SVG", "", () => saveSvg(this));
    this.tools = make(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Map" },
      ...Object.values(this.modes),
      make("span", { class: "gap" }),
      iconButton("in", "Zoom in", zoom(1.5)),
      iconButton("out", "Zoom out", zoom(1 / 1.5)),
      iconButton("whole", "Show all cells", () => this.look((view) => view.reset())),
      make("span", { class: "gap" }),
      save("PNG", "Save this view as a picture", () => savePng(this)),
      this.saveSvg,
    );
    this.stage = make("div", { class: "stage" }, this.canvas, this.overlay, this.axes, this.surface, this.tip, this.note);
    const frame = make("div", { class: "frame" }, make("div", { class: "main" }, this.tools, this.stage), this.legend.root);
    this.root = make("div", { class: "scatter" }, make("style", {}, style), frame, this.live);
    host.append(this.root);
    this.setMode("move");
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault()); // so that it may come back
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.points.begin();
      if (this.shown) this.upload(true);
    });
  }

  /** data: see Python's scatter(); tell: Streamlit's setStateValue. */
  async update(data, tell) {
    this.tell = tell;
    this.data = data;
    if (!this.points) return tell("webgl", false);
    this.root.style.setProperty("--height", `${data.height}px`);
    this.surface.setAttribute("aria-label", `${data.alt}. ${HELP}`);
    this.axes.replaceChildren(...data.axes.map((name) => make("span", {}, `${name} →`)));
    for (const button of Object.values(this.modes)) button.hidden = !data.select;
    this.takeOutline(data);
    const token = ++this.token;
    if (this.shown?.positions !== data.positions) this.say("Loading cells …");
    try {
      const wanted = [data.positions, data.codes, data.lit].map((url) => (url ? bytesAt(url) : null));
      const [places, codes, lit] = await Promise.all(wanted);
      if (token !== this.token) return; // Python has said something newer meanwhile
      this.say("");
      this.show(data, places, codes, lit);
    } catch (error) {
      if (token !== this.token) return;
      this.say("The cells could not be loaded. Reload the page.");
      console.warn(error);
    }
  }

  // Python's outline counts unless the reader has drawn another one since Python last heard.
  takeOutline(data) {
    if (data.serial < this.serial) return;
    this.outline = data.polygon;
    this.sketch(this.hands.path?.corners ?? null);
  }

  show(data, places, codes, lit) {
    const before = this.shown ?? {};
    const moved = before.positions !== data.positions;
    if (moved) {
      this.places = new Uint16Array(places.buffer, places.byteOffset, places.byteLength / 2);
      this.grid = new Grid(this.places);
      this.view.setBox(data.box);
      this.view.reset();
      this.fullFrame = 0;
    }
    this.codes = codes;
    this.lit = null;
    if (lit) {
      this.lit = new Uint8Array(data.n);
      for (let i = 0; i < data.n; i++) this.lit[i] = (lit[i >> 3] >> (7 - (i & 7))) & 1;
    }
    this.shown = data;
    this.legend.update(data);
    this.changes = { moved, recoloured: moved || before.codes !== data.codes };
    this.upload(false);
    const drawn = data.n > 50_000 ? "; more than 50,000 cells on screen are a picture in a vector frame" : "";
    this.saveSvg.title = `Save this view as vectors${drawn}`;
    this.speak();
  }

  upload(all) {
    if (all || this.changes.moved) this.points.setPlaces(this.places);
    if (all || this.changes.recoloured) this.points.setCodes(this.codes);
    this.points.setLit(this.lit);
    this.points.setPalette(this.legend.palette(rgb));
    this.resize();
  }

  resize() {
    const { width, height } = this.stage.getBoundingClientRect();
    if (!width || !height || !this.points) return;
    this.ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const wide = Math.round(width * this.ratio), high = Math.round(height * this.ratio);
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    Object.assign(this.view, { width, height });
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.frame(1); // at once: a resized canvas is empty
  }

  /** Changes the view and draws it. */
  look(change) {
    if (!this.shown) return;
    change(this.view);
    this.moving = this.tip.hidden = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.moving = false;
      this.request();
      this.hover(this.pointer); // another cell may be under the pointer now
    }, 160);
    this.request();
  }

  request() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = undefined;
      // Where a frame of all cells is slow, a part of them is drawn until the reader's hand rests.
      const part = this.moving ? Math.ceil(this.fullFrame / QUICK) : 1;
      this.frame(Math.min(Math.max(part, 1), 60));
    });
  }

  /** CSS pixels across a point: the cells on screen would about cover the ground they stand on; never dust, never blobs. */
  size() {
    const { cells, area } = this.grid.within(this.view.visible());
    const ground = area * this.view.w * this.view.h * this.view.scale ** 2;
    return Math.min(Math.max(Math.sqrt((1.1 * ground) / Math.max(cells, 1)), 1.4), 9);
  }

  paper() {
    return rgb(getComputedStyle(this.root).getPropertyValue("--st-background-color").trim() || "#fff");
  }

  frame(stride) {
    if (!this.shown || this.gone) return;
    const full = stride === 1;
    const seconds = this.points.draw({
      clip: this.view.clip(),
      size: this.size() * Math.sqrt(Math.min(stride, 4)),
      ratio: this.ratio,
      byCode: this.shown.kind === "amount" || this.shown.kind === "blend",
      paper: this.paper().map((part) => part / 255),
      stride,
      timed: full && this.shown.n > 100_000,
    });
    if (full) this.fullFrame = seconds;
    this.sketch(this.hands.path?.corners ?? null);
    this.root.dataset.drawn = this.shown.codes;
    this.root.dataset.zoom = this.view.zoom.toFixed(3);
  }

  /** Shows the outline that is being drawn (pixels), or else the one that was chosen. */
  sketch(corners) {
    const chosen = this.outline && this.view.box ? this.outline.map(([x, y]) => this.view.toScreen(x, y)) : null;
    const shown = corners ?? chosen;
    this.path.setAttribute("d", shown ? svgPath(shown) : "");
  }

  /** The reader's outline in data coordinates, or null to clear it. */
  choose(outline) {
    if (!this.data?.select || (!outline && !this.outline)) return;
    this.outline = outline;
    this.serial = Date.now();
    this.sketch(null);
    const corners = outline?.map((corner) => corner.map((value) => +value.toPrecision(8))) ?? null;
    this.tell("polygon", { corners, serial: this.serial });
  }

  setMode(mode) {
    this.mode = mode;
    this.surface.dataset.mode = mode;
    for (const [name, button] of Object.entries(this.modes)) button.setAttribute("aria-pressed", name === mode);
  }

  async hover(at) {
    this.pointer = at;
    if (!at || !this.shown || this.moving) return (this.tip.hidden = true);
    const [x, y] = this.view.toData(...at);
    const { box, w, h, scale } = this.view;
    const radius = Math.max(this.size() / 2 + 2, 6);
    const { hidden } = this.legend;
    const rank = (row) => (hidden.has(this.codes[row]) ? -1 : this.lit?.[row] ? 1 : 0);
    const near = [(x - box[0]) / w, (y - box[1]) / h, radius / scale / w, radius / scale / h];
    const row = this.grid.nearest(...near, rank);
    this.tip.hidden = row < 0;
    if (row < 0) return;
    const name = make("div", { class: "id" }, this.shown.ids.length ? "…" : `cell ${count(row + 1)}`);
    this.tip.replaceChildren(make("div", {}, this.legend.value(this.codes[row])), name);
    const [cx, cy] = this.view.toScreen(box[0] + (this.places[2 * row] / FULL) * w, box[1] + (this.places[2 * row + 1] / FULL) * h);
    const right = cx > this.view.width * 0.6, low = cy > this.view.height - 70;
    this.tip.style.transform = `translate(${right ? "-100%" : "0"},${low ? "-100%" : "0"})`;
    this.tip.style.left = `${cx + (right ? -10 : 10)}px`;
    this.tip.style.top = `${cy + (low ? -8 : 8)}px`;
    if (this.shown.ids.length) {
      const lines = await linesAt(this.shown.ids[Math.floor(row / this.shown.block)]).catch(() => null);
      name.textContent = lines ? lines[row % this.shown.block] : `cell ${count(row + 1)}`;
    }
  }

  say(words) {
    this.note.textContent = words;
  }

  speak() {
    const { shown: data, legend } = this;
    const groups = data.labels.length && data.kind !== "blend" ? `, ${data.labels.length} groups` : "";
    const hidden = legend.hidden.size ? ` ${legend.hidden.size} of them hidden.` : "";
    const chosen = data.lit ? ` ${count(data.chosen)} cells selected.` : "";
    this.live.textContent = `${count(data.n)} cells coloured by ${data.name}${groups}.${hidden}${chosen}`;
  }

  end() {
    this.gone = true;
    cancelAnimationFrame(this.pending);
    clearTimeout(this.rest);
    this.watcher.disconnect();
    this.points?.end();
    this.root.remove();
  }
}

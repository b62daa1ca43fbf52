// What the colours mean: names to click, a bar with numbers, or the inks of a blend.

import { count, make, short } from "./dom.js";

export class Legend {
  /** changed(): called when the reader hides or shows a group. */
  constructor(changed) {
    this.root = make("div", { class: "legend" });
    this.changed = changed;
    this.hidden = new Set();
    this.about = null;
  }

  update(data) {
    const about = JSON.stringify([data.kind, data.name, data.labels]);
    if (about !== this.about) this.hidden = new Set();
    this.about = about;
    this.data = data;
    this.root.replaceChildren(make("div", { class: "title", title: data.name }, data.name), ...this.body(data));
  }

  body(data) {
    if (data.kind === "amount") return [this.bar(data)];
    if (data.kind === "blend") return data.labels.map((label, i) => this.channel(data, label, data.channels[i]));
    const list = make("ul", { role: "list" });
    data.labels.forEach((label, code) => list.append(make("li", {}, this.group(data, label, code))));
    this.all = make("button", { type: "button", class: "all", onclick: () => this.show(new Set()) }, "Show all");
    this.mark(list);
    return [list, this.all];
  }

  group(data, label, code) {
    const words = `${label}, ${count(data.counts[code])} cells`;
    return make(
      "button",
      {
        type: "button",
        class: "group",
        title: `${words}. Click to hide or show, double-click to see it alone.`,
        "aria-label": words,
        onclick: () => this.toggle(code),
        ondblclick: () => this.alone(code),
        onkeydown: (event) => event.altKey && event.key === "Enter" && (event.preventDefault(), this.alone(code)),
      },
      make("span", { class: "dot", style: `background:${data.palette[code]}` }),
      make("span", { class: "name" }, label),
      make("span", { class: "count" }, count(data.counts[code])),
    );
  }

  bar(data) {
    const stops = [];
    for (let i = 0; i < data.shades; i += 9) stops.push(data.palette[i]);
    stops.push(data.palette[data.shades - 1]);
    const middle = (data.low + data.high) / 2;
    return make(
      "div",
      { class: "bar", role: "img", "aria-label": `from ${short(data.low)} to ${short(data.high)} ${data.unit}`.trim() },
      make("div", { class: "ramp", style: `background:linear-gradient(to top,${stops.join(",")})` }),
      make("div", { class: "ticks" }, ...[data.high, middle, data.low].map((value) => make("span", {}, short(value)))),
      data.unit ? make("div", { class: "unit" }, data.unit) : null,
    );
  }

  channel(data, label, colour) {
    return make(
      "div",
      { class: "channel" },
      make("span", { class: "name", title: label }, label),
      make("span", { class: "ink", style: `background:linear-gradient(to right,${data.palette[0]},${colour})` }),
    );
  }

  toggle(code) {
    const hidden = new Set(this.hidden);
    hidden.has(code) ? hidden.delete(code) : hidden.add(code);
    this.show(hidden);
  }

  /** Only this group; where it already stands alone, all again. */
  alone(code) {
    const others = this.data.labels.map((_, i) => i).filter((i) => i !== code);
    const already = !this.hidden.has(code) && others.every((i) => this.hidden.has(i));
    this.show(new Set(already ? [] : others));
  }

  show(hidden) {
    this.hidden = hidden;
    this.mark(this.root.querySelector("ul"));
    this.changed();
  }

  mark(list) {
    list.querySelectorAll("button").forEach((button, code) => button.setAttribute("aria-pressed", !this.hidden.has(code)));
    this.all.hidden = this.hidden.size === 0;
  }

  /** The palette as 256 RGBA colours in which hidden groups have alpha 0. */
  palette(rgb) {
    const table = new Uint8Array(1024);
    this.data.palette.forEach((colour, code) => table.set([...rgb(colour), this.hidden.has(code) ? 0 : 255], 4 * code));
    return table;
  }

  /** What a cell's code stands for, in words. */
  value(code) {
    const { data } = this;
    if (data.kind === "amount") {
      if (code >= data.shades) return "not measured";
      const value = data.low + (code / (data.shades - 1)) * (data.high - data.low);
      const most = code === data.shades - 1 ? "at least " : "";
      return `${data.name}: ${most}${short(value)} ${data.unit}`.trim();
    }
    if (data.kind === "blend") {
      const steps = data.steps;
      return data.labels
        .map((label, i) => `${label} ${Math.round((100 * (Math.floor(code / steps ** i) % steps)) / (steps - 1))} %`)
        .join(", ");
    }
    return `${data.name}: ${data.labels[code]}`;
  }
}

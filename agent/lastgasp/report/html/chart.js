// One chart: axes, what happened, and either a stack of parts or lines. It draws what its view shows, and reads values.
const NARROW = 480;
const TOP = 8;
const BOTTOM = 20;

class Chart {
  // `subject` says what is drawn: see subjects.js.
  constructor(figure, view, subject, data) {
    Object.assign(this, { figure, view, subject, data });
    this.plot = figure.querySelector(".plot");
    this.legend = new Legend(figure.querySelector(".legend"), this);
    this.svg = drawn("svg", { "aria-hidden": "true" });
    this.pointer = drawn("line", { class: "cursor", y1: TOP });
    this.plot.append(this.svg);
  }

  get left() {
    return this.width < NARROW ? 48 : 60;
  }

  place(time) {
    const { from, to } = this.view;
    return this.left + ((time - from) / (to - from)) * (this.width - this.left - 6);
  }

  time(x) {
    const { from, to } = this.view;
    return from + ((x - this.left) / (this.width - this.left - 6)) * (to - from);
  }

  measure() {
    this.width = Math.max(this.plot.clientWidth, 200);
    this.height = Math.max(this.plot.clientHeight, 80);
    this.floor = this.height - BOTTOM;
  }

  draw() {
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.scale();
    const clip = `${this.figure.id}-clip`;
    const inside = drawn("g", { "clip-path": `url(#${clip})` }, ...this.subject.shapes(this));
    this.svg.replaceChildren(
      drawn("defs", {}, drawn("clipPath", { id: clip }, drawn("rect", {
        x: this.left, y: 0, width: Math.max(this.width - this.left - 6, 1), height: this.floor,
      })), ...this.patterns()),
      ...this.grid(),
      ...this.nothing(),
      inside,
      ...this.times(),
      ...this.happened(),
      this.pointer,
    );
    this.legend.draw();
    this.legend.table();
    this.read();
  }

  // Heights of values: `y(value)`; round numbers at `steps`.
  scale() {
    const room = this.floor - TOP;
    const top = Math.max(this.subject.top(this.view), 1e-9);
    if (this.subject.logarithmic) {
      const least = Math.max(this.subject.least(this.view), 1);
      const span = Math.log(top * 1.15) - Math.log(least);
      this.y = (value) => this.floor - (room * Math.max(Math.log(Math.max(value, least)) - Math.log(least), 0)) / Math.max(span, 0.1);
      this.steps = roundPowers(least, top * 1.15);
    } else {
      const full = top * (this.subject.exact ? 1 : 1.04);
      const step = this.subject.step ? this.subject.step(full) : sizeSteps(full, this.height < 150 ? 3 : 5);
      this.y = (value) => this.floor - (room * value) / full;
      this.steps = [];
      for (let at = 0; at <= full * 1.0001; at += step) this.steps.push(at);
    }
  }

  grid() {
    return this.steps.flatMap((step) => {
      const y = this.y(step);
      return [
        drawn("line", { class: "grid", x1: this.left, x2: this.width - 6, y1: y, y2: y }),
        drawn("text", { class: "tick", x: this.left - 5, y: y + 4, "text-anchor": "end" }, this.subject.written(step)),
      ];
    });
  }

  // Where nothing is known: between boots, and in gaps.
  nothing() {
    const found = [];
    const block = (from, to, text) => {
      if (to < this.view.from || from > this.view.to) return;
      const [x, end] = [Math.max(this.place(from), this.left), Math.min(this.place(to), this.width - 6)];
      if (end <= x) return;
      found.push(drawn("rect", { class: "nothing", x, y: TOP, width: end - x, height: this.floor - TOP, fill: `url(#${this.figure.id}-nothing)` }));
      if (end - x > text.length * 6.5) found.push(drawn("text", { class: "tick", x: (x + end) / 2, y: TOP + 14, "text-anchor": "middle" }, text));
    };
    const boots = this.data.boots;
    for (let i = 1; i < boots.length; i += 1) block(boots[i - 1].x + boots[i - 1].length, boots[i].x, "off");
    for (const [from, to] of this.data.gaps) block(from, to, "no samples");
    return found;
  }

  patterns() {
    const hatch = (name, kind) => drawn("pattern", { id: `${this.figure.id}-${name}`, class: `hatch ${kind}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      drawn("rect", { class: "ground", width: 6, height: 6 }), drawn("rect", { class: "stripe", width: 2, height: 6 }));
    return [hatch("nothing", "nothing"), ...(this.subject.hatched ?? []).map((name) => hatch(name, `part-${name}`))];
  }

  times() {
    return this.view.ticks(this.width - this.left, this.view.date ? 92 : 66).flatMap(([time, text]) => {
      const x = this.place(time);
      if (x > this.width - 32) return [];
      return [
        drawn("line", { class: "grid", x1: x, x2: x, y1: this.floor, y2: this.floor + 4 }),
        drawn("text", { class: "tick", x, y: this.height - 4, "text-anchor": "middle" }, text),
      ];
    });
  }

  happened() {
    return this.data.events.flatMap((event, number) => {
      if (event.kind === "run" || !this.view.sees(event.x)) return [];  // boots show by themselves
      const x = this.place(event.x);
      const line = drawn("g", { class: `event ${event.kind}`, "data-event": number },
        drawn("title", {}, `${event.when} ${event.text}`),
        drawn("line", { class: "line", x1: x, x2: x, y1: TOP, y2: this.floor }),
        drawn("line", { class: "hit", x1: x, x2: x, y1: TOP, y2: this.floor }));
      return [line];
    });
  }

  // The pieces of a frame that are seen, with the points that can be told apart at this width: by one column's extremes.
  pieces(frame, column) {
    return frame.seen(this.view.from, this.view.to).map(([begin, end, until]) => {
      const points = thinned(frame, column, begin, end, (time) => this.place(time));
      return { points, across: points.map((point) => this.px(frame.times[point])), end: this.px(until) };
    });
  }

  // A path that steps from value to value; `close`: down to the floor and back.
  path(pieces, heights, close) {
    let text = "";
    for (const { points, across, end } of pieces) {
      let y = heights(points[0]);
      let begun = y !== null;
      if (begun) text += close ? `M${across[0]} ${this.floor}V${y}` : `M${across[0]} ${y}`;
      for (let i = 1; i < points.length; i += 1) {
        const next = heights(points[i]);
        const x = across[i];
        if (begun) text += `H${x}`;
        if (next === null) {
          if (begun && close) text += `V${this.floor}Z`;
          begun = false;
        } else if (begun) {
          if (next !== y) text += `V${next}`;
        } else {
          text += close ? `M${x} ${this.floor}V${next}` : `M${x} ${next}`;
          begun = true;
        }
        y = next;
      }
      if (begun) text += `H${end}${close ? `V${this.floor}Z` : ""}`;
    }
    return text;
  }

  px(time) {
    return Math.round(Math.min(Math.max(this.place(time), -9), this.width + 9) * 10) / 10;
  }

  level(value) {
    return value === null ? null : Math.round(this.y(value) * 10) / 10;
  }

  // The cursor's line, and the values there.
  read() {
    const { cursor } = this.view;
    const shown = cursor !== null && this.view.sees(cursor);
    this.pointer.setAttribute("visibility", shown ? "visible" : "hidden");
    if (shown) {
      const x = this.place(cursor);
      fill(this.pointer, { x1: x, x2: x, y2: this.floor }, []);
    }
    this.legend.read(this.view.reading);
  }
}

// Mouse, fingers and keys on a chart.
const MOVED = 5;  // pixels: less is a click

class Hands {
  constructor(chart, actions) {
    Object.assign(this, { chart, view: chart.view, actions, fingers: new Map(), drag: null });
    const { plot } = chart;
    plot.addEventListener("pointerdown", (event) => this.down(event));
    plot.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, (event) => this.up(event));
    plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !this.drag) this.view.point(null);
    });
    plot.addEventListener("dblclick", (event) => this.view.zoom(0.5, this.time(event)));
    plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("click", (event) => {
      const line = event.target.closest?.("[data-event]");
      if (line && !this.dragged) actions.open(Number(line.dataset.event));
    });
  }

  x(event) {
    return event.clientX - this.chart.plot.getBoundingClientRect().left;
  }

  time(event) {
    return this.chart.time(this.x(event));
  }

  down(event) {
    if (event.button !== 0) return;
    this.fingers.set(event.pointerId, this.x(event));
    this.dragged = false;
    this.drag = { x: this.x(event), from: this.view.from, to: this.view.to, time: this.time(event), select: event.shiftKey };
    if (this.fingers.size === 2) this.pinch = this.grip();
  }

  // Where two fingers are, and what they hold.
  grip() {
    const [a, b] = [...this.fingers.values()];
    return { apart: Math.max(Math.abs(a - b), 10), from: this.view.from, to: this.view.to, time: this.chart.time((a + b) / 2) };
  }

  move(event) {
    const x = this.x(event);
    if (!this.fingers.has(event.pointerId)) {
      if (event.pointerType === "mouse") this.view.point(this.time(event));
      return;
    }
    this.fingers.set(event.pointerId, x);
    if (this.fingers.size === 2) {
      const [a, b] = [...this.fingers.values()];
      const { apart, from, to, time } = this.pinch;
      const length = (to - from) * (apart / Math.max(Math.abs(a - b), 10));
      const share = ((a + b) / 2 - this.chart.left) / (this.chart.width - this.chart.left - 6);
      this.dragged = true;
      this.view.show(time - length * share, time + length * (1 - share));
    } else if (this.drag && (this.dragged || Math.abs(x - this.drag.x) > MOVED)) {
      if (!this.dragged) this.chart.plot.setPointerCapture(event.pointerId);
      this.dragged = true;
      if (this.drag.select) {
        this.actions.select(this.chart, Math.min(x, this.drag.x), Math.max(x, this.drag.x));
      } else {
        const perPixel = (this.drag.to - this.drag.from) / (this.chart.width - this.chart.left - 6);
        const way = (this.drag.x - x) * perPixel;
        this.view.show(this.drag.from + way, this.drag.to + way);
      }
    }
  }

  up(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.drag?.select && this.dragged) {
      this.actions.select(null);
      const [from, to] = [this.drag.time, this.time(event)].sort((a, b) => a - b);
      this.view.show(from, to);
    } else if (!this.dragged && event.type === "pointerup") {
      this.view.point(this.time(event));
    }
    this.drag = null;
    if (this.fingers.size === 1) {  // one of two fingers is left: it drags on from here
      const [x] = this.fingers.values();
      this.drag = { x, from: this.view.from, to: this.view.to, time: this.chart.time(x), select: false };
    }
  }

  wheel(event) {
    const mine = event.ctrlKey || event.metaKey || document.activeElement === this.chart.plot;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && !this.view.isWhole) {
      event.preventDefault();
      this.view.pan(Math.sign(event.deltaX) * 0.08);
    } else if (mine && event.deltaY) {
      event.preventDefault();
      this.view.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.time(event));
    }
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way && event.shiftKey) this.next(way);
    else if (way) this.view.pan(way * 0.2);
    else if (event.key === "+" || event.key === "=") this.view.zoom(0.5);
    else if (event.key === "-" || event.key === "_") this.view.zoom(2);
    else if (event.key === "0") this.view.all();
    else if (event.key === "Home") this.view.show(this.view.whole[0], this.view.whole[0] + this.view.to - this.view.from);
    else if (event.key === "End") this.view.show(this.view.whole[1] - this.view.to + this.view.from, this.view.whole[1]);
    else if (event.key === "Escape") this.view.point(null);
    else return;
    event.preventDefault();
  }

  // The next value that was kept, read aloud.
  next(way) {
    const times = this.chart.subject.instants({ from: -Infinity, to: Infinity, sees: () => true });
    const now = this.view.reading;
    const time = way > 0 ? times.find((one) => one > now) : times.findLast((one) => one < now);
    if (time === undefined) return;
    if (!this.view.sees(time)) this.view.show(time - (this.view.to - this.view.from) / 2, time + (this.view.to - this.view.from) / 2);
    this.view.point(time);
    const { subject } = this.chart;
    const said = subject.entries.map((entry) => [entry.title, subject.reading(entry, time)]).filter(([, [number]]) => number !== null);
    this.actions.say(`${this.view.label(time)}: ${said.map(([name, [, text]]) => `${name} ${text}`).join(", ")}`);
  }
}

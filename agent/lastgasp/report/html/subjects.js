// What the charts are about. Sizes are kB in the data, and told in bytes.
const SHARE = 10000;
const HATCHED = ["unexplained", "free_cma"];

// Parts of RAM, one upon the other: each instant adds up to MemTotal.
class Stack {
  constructor(frame, parts) {
    Object.assign(this, { frame, parts, hatched: HATCHED });
    const sums = new Array(frame.times.length).fill(0);
    this.tops = parts.map(([name]) => {
      frame.columns[name].forEach((kb, i) => { sums[i] += kb; });
      return [...sums];
    });
    this.entries = parts.map(([name, title]) => ({ name, title, swatch: `part-${name}` })).reverse();
    this.entries.push({ name: "total", title: "MemTotal", swatch: "line-total" });
  }

  top(view) {
    return Math.max(this.frame.highest(["total"], view.from, view.to), this.highest(view));
  }

  highest(view) {
    let most = 0;
    const last = this.tops.at(-1);
    for (const [begin, end] of this.frame.seen(view.from, view.to)) for (let i = begin; i < end; i += 1) most = Math.max(most, last[i]);
    return most;
  }

  written(kb) {
    return round(kb * 1024);
  }

  shapes(chart) {
    const { frame } = this;
    const lead = frame.columns.available ?? frame.columns.free;
    const pieces = chart.pieces(frame, lead);
    const areas = this.parts.map(([name], i) => drawn("path", {
      class: `area part-${name}`,
      fill: HATCHED.includes(name) ? `url(#${chart.figure.id}-${name})` : null,
      d: chart.path(pieces, (point) => chart.level(this.tops[i][point]), true),
    }));
    const total = drawn("path", { class: "line line-total", d: chart.path(pieces, (point) => chart.level(frame.columns.total[point]), false) });
    return [...areas.reverse(), total];
  }

  reading(entry, time) {
    const kb = this.frame.value(entry.name, time);
    return kb === null ? [null, ""] : [kb * 1024, size(kb * 1024)];
  }

  instants(view) {
    return this.frame.seen(view.from, view.to).flatMap(([begin, end]) => this.frame.times.slice(begin, end)).filter((time) => view.sees(time));
  }
}

// Columns of one frame as lines.
class Lines {
  constructor(frame, entries, options = {}) {
    Object.assign(this, { frame, ...options });
    this.entries = entries.filter(({ name }) => name in frame.columns);
    this.names = this.entries.map(({ name }) => name);
  }

  top(view) {
    return this.fixedTop ?? this.frame.highest(this.names, view.from, view.to);
  }

  least(view) {
    let least = Infinity;
    for (const [begin, end] of this.frame.seen(view.from, view.to)) {
      for (const name of this.names) for (let i = begin; i < end; i += 1) {
        const kb = this.frame.columns[name][i];
        if (kb > 0 && kb < least) least = kb;
      }
    }
    return least === Infinity ? 1 : least / 1.3;
  }

  written(amount) {
    return this.share ? percent(amount / SHARE).replace(".0 ", " ") : round(amount * 1024);
  }

  shapes(chart) {
    return this.entries.flatMap((entry) => {
      const column = this.frame.columns[entry.name];
      const pieces = chart.pieces(this.frame, column);
      const heights = (point) => chart.level(column[point]);
      const line = drawn("path", { class: `line ${entry.swatch}`, d: chart.path(pieces, heights, false) });
      return entry.filled ? [drawn("path", { class: `under ${entry.swatch}`, d: chart.path(pieces, heights, true) }), line] : [line];
    });
  }

  reading(entry, time) {
    const amount = this.frame.value(entry.name, time);
    if (amount === null) return [null, ""];
    return this.share ? [amount / SHARE, percent(amount / SHARE)] : [amount * 1024, size(amount * 1024)];
  }

  instants(view) {
    return this.frame.seen(view.from, view.to).flatMap(([begin, end]) => this.frame.times.slice(begin, end)).filter((time) => view.sees(time));
  }
}

// Processes: one line a life, one colour a program.
const COLOURS = 8;
const LISTED = 14;
const FRAME_OF = { rss: "sizes", anon: "sizes", swap: "swap", pss: "mappings", uss: "mappings" };

class Processes {
  constructor(lives, metric) {
    this.metric = metric;
    this.lit = null;
    this.lives = lives.map((life) => ({
      ...life,
      frames: Object.fromEntries(["sizes", "swap", "mappings"].filter((name) => name in life).map((name) => [name, new Frame(life[name])])),
    }));
    const names = [...new Set(this.lives.map(({ name }) => name))];
    this.swatches = new Map(names.map((name, i) => [name, i < 2 * COLOURS ? `line-${i % COLOURS}${i < COLOURS ? "" : " second"}` : "line-other"]));
    this.entries = [];
  }

  frame(life) {
    return life.frames[FRAME_OF[this.metric]];
  }

  top(view) {
    let most = 0;
    const highest = new Map();
    for (const life of this.lives) {
      const kb = this.frame(life)?.highest([this.metric], view.from, view.to) ?? 0;
      if (kb > (highest.get(life.name) ?? 0)) highest.set(life.name, kb);
      if (kb > most) most = kb;
    }
    this.highest = highest;
    this.entries = [...highest].sort((a, b) => b[1] - a[1]).map(([name]) => ({ name, title: name, swatch: this.swatches.get(name) }));
    this.more = Math.max(this.entries.length - LISTED, 0);
    this.entries = this.entries.slice(0, LISTED);
    return most;
  }

  written(kb) {
    return round(kb * 1024);
  }

  shapes(chart) {
    const order = (life) => (life.name === this.lit ? 1 : 0);
    return [...this.lives].sort((a, b) => order(a) - order(b)).flatMap((life) => {
      const frame = this.frame(life);
      if (!frame) return [];
      const column = frame.columns[this.metric];
      const pieces = chart.pieces(frame, column);
      if (!pieces.length) return [];
      const dim = this.lit !== null && life.name !== this.lit ? " dim" : "";
      const line = drawn("path", {
        class: `line ${this.swatches.get(life.name)}${dim}`,
        "data-pid": life.pid,
        d: chart.path(pieces, (point) => chart.level(column[point]), false),
      }, drawn("title", {}, `${life.name} (pid ${life.pid})`));
      const dots = FRAME_OF[this.metric] === "mappings" && frame.times.length < 60
        ? frame.times.map((time, i) => drawn("circle", { class: `dot ${this.swatches.get(life.name)}${dim}`, cx: chart.px(time), cy: chart.level(column[i]), r: 2.5 }))
        : [];
      return [line, ...dots];
    });
  }

  reading(entry, time) {
    const alive = this.lives.filter((life) => life.name === entry.name)
      .map((life) => [this.frame(life)?.value(this.metric, time) ?? null, life])
      .filter(([kb]) => kb !== null).sort((a, b) => b[0] - a[0]);
    if (!alive.length) return [null, "", `peak ${size(this.highest.get(entry.name) * 1024)}`];
    const [kb, life] = alive[0];
    return [kb * 1024, size(kb * 1024), alive.length > 1 ? `largest of ${alive.length}` : `pid ${life.pid}`];
  }

  instants(view) {
    const found = new Set();
    for (const life of this.lives) {
      const frame = this.frame(life);
      for (const [begin, end] of frame?.seen(view.from, view.to) ?? []) for (let i = begin; i < end; i += 1) if (view.sees(frame.times[i])) found.add(frame.times[i]);
    }
    return [...found].sort((a, b) => a - b);
  }
}

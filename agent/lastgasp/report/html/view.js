// Which part of the recording is seen, by all of its charts together, and where the reader points.
const LEAST_MS = 500;

class View {
  constructor(data, changed) {
    this.boots = data.boots;
    this.date = data.date;
    this.end = data.end;
    const margin = Math.max(data.length * 0.005, 1);
    this.whole = [-margin, data.length + margin];
    [this.from, this.to] = this.whole;
    this.cursor = null;
    this.kills = data.events.filter(({ kind }) => kind === "kill" || kind === "panic").map(({ x }) => x - 1);  // what was there before it
    this.changed = changed;
  }

  show(from, to) {
    const [begin, end] = this.whole;
    const length = Math.min(Math.max(to - from, Math.min(LEAST_MS, end - begin)), end - begin);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - length / 2, begin), end - length);
    this.to = this.from + length;
    this.changed();
  }

  zoom(factor, around = this.cursor !== null && this.sees(this.cursor) ? this.cursor : (this.from + this.to) / 2) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  pan(share) {
    const way = (this.to - this.from) * share;
    this.show(this.from + way, this.to + way);
  }

  all() {
    this.show(...this.whole);
  }

  get isWhole() {
    return this.to - this.from >= (this.whole[1] - this.whole[0]) * 0.999;
  }

  sees(time) {
    return this.from <= time && time <= this.to;
  }

  point(time) {
    this.cursor = time === null ? null : Math.min(Math.max(time, 0), this.whole[1]);
    this.changed("cursor");
  }

  // Where values are read: at the cursor, or else at the last kill that is seen, or where the visible part ends.
  get reading() {
    return this.cursor ?? this.lastKill ?? Math.min(this.to, this.end);
  }

  get lastKill() {
    return this.cursor === null ? this.kills.findLast((time) => this.sees(time)) : undefined;
  }

  // How much of what is seen was recorded, ms.
  get recorded() {
    return this.boots.reduce((sum, { x, length }) => sum + Math.max(Math.min(this.to, x + length) - Math.max(this.from, x), 0), 0);
  }

  bootAt(time) {
    return this.boots.findLastIndex((boot) => boot.x <= Math.max(time, 0));
  }

  // "14:03:10", with the date where there are several, with the boot where the clock is not known.
  label(time, fine = false) {
    const boot = this.boots[this.bootAt(time)];
    const passed = Math.min(Math.max(time - boot.x, 0), boot.length);
    const up = Math.round(boot.uptime + passed);
    if (boot.wall === null) {
      const number = this.boots.length > 1 ? ` of boot ${this.boots.indexOf(boot) + 1}` : "";
      return `uptime ${uptime(up)}${fine ? `.${String(up % 1000).padStart(3, "0")}` : ""}${number}`;
    }
    const text = utc(boot.wall + up) + (fine ? `.${String((((boot.wall + up) % 1000) + 1000) % 1000).padStart(3, "0")}` : "");
    return this.date ? text : text.slice(11);
  }

  // Round times for the axis: [time, text], at most one in so many pixels.
  ticks(width, apart) {
    const perPixel = (this.to - this.from) / width;
    const step = TIME_STEPS.find((one) => one / perPixel >= apart) ?? TIME_STEPS.at(-1);
    const found = [];
    let last = -Infinity;
    for (const boot of this.boots) {
      const zero = (boot.wall ?? 0) + boot.uptime;
      const begin = Math.max(this.from, boot.x);
      const end = Math.min(this.to, boot.x + boot.length);
      if (end < begin) continue;
      let first = true;
      for (let t = Math.ceil((zero + begin - boot.x) / step) * step; t - zero + boot.x <= end; t += step) {
        const time = t - zero + boot.x;
        if ((time - last) / perPixel < apart * 0.9) continue;
        found.push([time, this.tick(t, step, boot.wall !== null, first)]);
        last = time;
        first = false;
      }
      if (first && (begin - last) / perPixel >= apart) {  // too short for a round time
        found.push([begin, this.tick(zero + begin - boot.x, step, boot.wall !== null, true)]);
        last = begin;
      }
    }
    return found;
  }

  tick(at, step, wall, first) {
    if (!wall) {
      const text = uptime(at);
      return step < 1000 ? `${text}.${Math.floor((at % 1000) / 100)}` : text;
    }
    const text = utc(at);
    if (step >= 86400000) return text.slice(0, 10);
    const clock = step < 1000 ? `${text.slice(11)}.${Math.floor((((at % 1000) + 1000) % 1000) / 100)}` : step < 60000 ? text.slice(11) : text.slice(11, 16);
    return this.date && (first || text.slice(11) === "00:00:00") && step >= 60000 ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : clock;
  }
}

// A frame: columns over time. A value holds from its time to the next point, or to the end of its piece.
function undiff(differences) {
  let before = 0;
  return differences.map((value) => (value === null ? null : (before += value)));
}

class Frame {
  constructor(encoded) {
    this.times = undiff(encoded.t);
    this.pieces = encoded.p;
    this.columns = {};
    for (const [name, values] of Object.entries(encoded.c)) this.columns[name] = undiff(values);
  }

  // The last point at or before a time; -1: none.
  before(time) {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The point that holds at a time; -1 in gaps, between boots, before and after.
  at(time) {
    const point = this.before(time);
    if (point < 0) return -1;
    const piece = this.pieces.find(([from, to]) => from <= point && point < to);
    return piece && (point < piece[1] - 1 || time <= piece[2]) ? point : -1;
  }

  value(name, time) {
    const point = this.at(time);
    return point < 0 || !(name in this.columns) ? null : this.columns[name][point];
  }

  // Pieces as far as they are seen: points from, to, and until when the last one holds.
  seen(from, to) {
    const found = [];
    for (const [begin, end, until] of this.pieces) {
      if (until < from || this.times[begin] > to) continue;
      const first = Math.max(begin, this.before(from));
      const last = Math.min(end - 1, this.before(to));
      if (last >= first) found.push([first, last + 1, Math.min(last === end - 1 ? until : this.times[last + 1], to)]);
    }
    return found;
  }

  highest(names, from, to) {
    let most = 0;
    for (const [begin, end] of this.seen(from, to)) {
      for (const name of names) {
        const column = this.columns[name];
        for (let i = begin; column && i < end; i += 1) if (column[i] > most) most = column[i];
      }
    }
    return most;
  }
}

// Of the points from..to those that are seen at this width: per pixel the first, the lowest and the highest of a column.
function thinned(frame, column, begin, end, place) {
  if (end - begin <= 800) return Array.from({ length: end - begin }, (_, i) => begin + i);
  const chosen = [];
  let i = begin;
  while (i < end) {
    const pixel = Math.floor(place(frame.times[i]));
    let low = i;
    let high = i;
    let j = i;
    for (; j < end && Math.floor(place(frame.times[j])) === pixel; j += 1) {
      if (column[j] < column[low]) low = j;
      if (column[j] > column[high]) high = j;
    }
    for (const point of new Set([i, Math.min(low, high), Math.max(low, high), j - 1])) chosen.push(point);
    i = j;
  }
  return chosen;
}

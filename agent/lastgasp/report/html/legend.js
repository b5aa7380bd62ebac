// The names beside a chart, with the values where the reader points; and the same as a table for those who see no chart.
const TABLE_ROWS = 20;

class Legend {
  constructor(place, chart) {
    Object.assign(this, { place, chart, cells: [] });
    this.when = element("p", { class: "when" });
    this.list = element("ul");
    this.place.append(this.when, this.list);
    this.values = chart.figure.querySelector(".values");
    this.values.addEventListener("toggle", () => this.table());
  }

  draw() {
    const { subject } = this.chart;
    this.cells = subject.entries.map((entry) => {
      const amount = element("span", { class: "amount" });
      const note = element("small");
      const name = "lit" in subject
        ? element("button", { type: "button", class: "name", "aria-pressed": String(subject.lit === entry.name) }, entry.title)
        : element("span", { class: "name" }, entry.title);
      return { entry, amount, note, row: element("li", { "data-name": entry.name }, element("i", { class: `swatch ${entry.swatch}`, "aria-hidden": "true" }), name, note, amount) };
    });
    const focused = this.list.contains(document.activeElement) ? [...this.list.children].indexOf(document.activeElement.parentElement) : -1;
    this.list.replaceChildren(...this.cells.map(({ row }) => row));
    if (focused >= 0) this.list.children[focused]?.querySelector("button")?.focus();
    if (subject.more) this.list.append(element("li", { class: "more" }, `and ${subject.more} smaller`));
  }

  read(time) {
    const { subject, view } = this.chart;
    this.when.textContent = `at ${view.label(time)}${view.lastKill === undefined ? "" : ", before the kill"}`;
    for (const { entry, amount, note } of this.cells) {
      const [number, text, more] = subject.reading(entry, time);
      amount.replaceChildren(value(number, text));
      note.textContent = more ? ` ${more}` : "";
    }
  }

  // Some instants of what is seen, both ends included.
  table() {
    if (!this.values.open) return;
    const { subject, view, figure } = this.chart;
    const all = subject.instants(view);
    const count = Math.min(TABLE_ROWS, all.length);
    const times = Array.from({ length: count }, (_, i) => all[count > 1 ? Math.round((i * (all.length - 1)) / (count - 1)) : 0]);
    const head = element("tr", {}, element("th", { scope: "col" }, "time"), ...subject.entries.map(({ title }) => element("th", { scope: "col" }, title)));
    const rows = times.map((time) => element("tr", {}, element("th", { scope: "row" }, view.label(time)), ...subject.entries.map((entry) => {
      const [number, text] = subject.reading(entry, time);
      return element("td", { class: "num" }, value(number, text));
    })));
    const caption = element("caption", {}, `${figure.querySelector("figcaption span").textContent}: ${count} of ${all.length} instants that are shown`);
    this.values.querySelector(".scroll").replaceChildren(element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...rows)));
  }
}

// Lines from what attends (left) to what is attended to (right), the thicker the greater the weight.
import type { Looked, MapInfo } from "./api";
import { fill, make, roving } from "./dom";
import { cut, shown } from "./labels";
import type { Weights } from "./weights";

const kMost = 120; // tokens of a side
const kHeight = 440; // pixels of a side that is not long
const kLine = 20; // pixels of a token, at least
const kStrongest = 6; // lines from a token, at most
const kFaintest = 0.02;

export class LinesView {
  readonly element = make("div", { className: "lines" });
  private step = kLine;
  private most = 1; // the greatest weight that is drawn

  constructor(
    private readonly looked: Looked,
    private readonly map: MapInfo,
    private readonly weights: Weights,
    private readonly cell: [number, number],
    private readonly events: { cell(cell: [number, number]): void },
  ) {
    void this.build();
  }

  private part(count: number, at: number): [number, number] {
    const first = count <= kMost ? 0 : Math.max(0, Math.min(count - kMost, at - kMost / 2));
    return [first, Math.min(count, first + kMost)];
  }

  private async build(): Promise<void> {
    const rows = this.looked.labels[this.map.rows].texts;
    const columns = this.looked.labels[this.map.columns].texts;
    const [r0, r1] = this.part(rows.length, this.cell[0]);
    const [c0, c1] = this.part(columns.length, this.cell[1]);
    try {
      await this.weights.fetch({ row: r0, rows: r1 - r0, column: c0, columns: c1 - c0 });
    } catch {
      return;
    }
    this.step = Math.max(kLine, Math.min(34, Math.floor(kHeight / Math.max(r1 - r0, c1 - c0))));
    this.element.style.setProperty("--line-height", `${this.step}px`);
    const height = Math.max(r1 - r0, c1 - c0) * this.step;
    this.most = kFaintest;
    for (let row = r0; row < r1; ++row) this.most = Math.max(this.most, this.strongest(row, c0, c1)[0]?.[1] ?? 0);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 100 ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (let row = r0; row < r1; ++row) for (const [column, weight] of this.strongest(row, c0, c1)) svg.append(this.line(row - r0, column - c0, row, weight));
    const left = make("div", { className: "side left", role: "group", "aria-label": "What attends" });
    for (let row = r0; row < r1; ++row) left.append(this.token(row, rows[row], svg, c0, c1, columns));
    roving(left, "button", () => 1);
    const right = make("div", { className: "side right" });
    for (let column = c0; column < c1; ++column) right.append(make("span", { title: columns[column] }, cut(shown(columns[column]), 18)));
    const said = make("p", { className: "said", "aria-live": "polite" });
    const note = rows.length > kMost || columns.length > kMost ? make("p", { className: "note" }, `tokens ${r0 + 1} to ${r1} of ${rows.length}, and ${c0 + 1} to ${c1} of ${columns.length}, around the cross hair`) : null;
    const frame = make("div", { className: "frame" }, left);
    frame.style.height = `${height}px`;
    frame.append(svg, right);
    fill(this.element, said, note, frame);
  }

  private strongest(row: number, first: number, last: number): [number, number][] {
    const all: [number, number][] = [];
    for (let column = first; column < last; ++column) {
      const weight = this.weights.get(row, column) ?? 0;
      if (weight >= kFaintest) all.push([column, weight]);
    }
    return all.sort((a, b) => b[1] - a[1]).slice(0, kStrongest);
  }

  private line(from: number, to: number, row: number, weight: number): SVGElement {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("x1", "0");
    line.setAttribute("x2", "100");
    line.setAttribute("y1", String((from + 0.5) * this.step));
    line.setAttribute("y2", String((to + 0.5) * this.step));
    line.setAttribute("stroke-width", String(0.7 + (4 * weight) / this.most));
    line.setAttribute("stroke-opacity", String(0.12 + 0.88 * (weight / this.most)));
    line.setAttribute("vector-effect", "non-scaling-stroke");
    line.setAttribute("data-row", String(row));
    return line;
  }

  private token(row: number, text: string, svg: SVGElement, c0: number, c1: number, columns: string[]): HTMLButtonElement {
    const show = (): void => {
      for (const line of svg.children) {
        const isMine = line.getAttribute("data-row") === String(row);
        line.classList.toggle("other", !isMine);
        line.classList.toggle("mine", isMine);
      }
      const said = this.element.querySelector(".said");
      const list = this.strongest(row, c0, c1).map(([column, weight]) => `“${shown(columns[column])}” ${weight.toPrecision(3)}`);
      if (said) said.textContent = `“${shown(text)}” → ${list.join(", ") || "nothing above 0.02"}`;
    };
    return make(
      "button",
      {
        type: "button",
        tabIndex: row === Math.max(this.cell[0], 0) || row === 0 ? 0 : -1,
        title: text,
        onpointerenter: show,
        onfocus: show,
        onclick: () => this.events.cell([row, this.cell[1]]),
      },
      cut(shown(text), 18),
    );
  }
}

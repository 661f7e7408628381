// The input itself, its tokens (or patches of an image) coloured by what one of them attends to, or by which attend to it.
import type { Looked, MapInfo } from "./api";
import { choice, fill, make, roving } from "./dom";
import { beginsWord, isMarked, shown } from "./labels";
import { patchesOf } from "./patches";
import { css, ink, palettes, place, type Scale } from "./palette";
import type { Weights } from "./weights";

const kMostTokens = 1200; // that are shown at a time

export class InputView {
  readonly element = make("div", { className: "input" });
  private readonly left = make("div", { className: "tokens" });
  private readonly right = make("div", { className: "tokens" });
  private readonly said = make("p", { className: "said", "aria-live": "polite" });
  private direction = "row";
  private readonly isSelf: boolean;
  private readonly scale: Scale;
  private asked = 0;

  constructor(
    private readonly looked: Looked,
    private readonly map: MapInfo,
    private readonly weights: Weights,
    private colours: { palette: string; scale: string },
    private cell: [number, number],
    private readonly events: { cell(cell: [number, number]): void },
  ) {
    this.isSelf = map.rows === map.columns;
    const columns = looked.labels[map.columns].texts.length;
    this.scale = { greatest: 1, smallest: Math.min(1, 1 / columns) / 16 };
    this.build();
    void this.show(cell[0]);
  }

  recolour(colours: { palette: string; scale: string }): void {
    this.colours = colours;
    void this.show(this.direction === "row" ? this.cell[0] : this.cell[1]);
  }

  private build(): void {
    const directions = choice("Colours show", [["row", "what it attends to"], ["column", "what attends to it"]], this.direction, (value) => {
      this.direction = value;
      this.build();
      void this.show(value === "row" ? this.cell[0] : this.cell[1]);
    });
    const from = this.direction === "row" ? this.map.rows : this.map.columns;
    const to = this.direction === "row" ? this.map.columns : this.map.rows;
    this.addTokens(this.left, from, true);
    const isImage = this.looked.grid && this.looked.labels[to].texts.length === this.tokensOfGrid();
    if (isImage) this.addImage(this.right);
    else if (!this.isSelf) this.addTokens(this.right, to, false);
    const heading = this.direction === "row" ? "Point at, or choose, what attends" : "Point at, or choose, what is attended to";
    fill(
      this.element,
      directions,
      make("h4", {}, heading),
      this.left,
      isImage || !this.isSelf ? this.right : null,
      this.said,
    );
  }

  private tokensOfGrid(): number {
    const grid = this.looked.grid!;
    return grid.rows * grid.columns + (grid.class_token ? 1 : 0);
  }

  private windowOf(count: number, at: number): [number, number] {
    if (count <= kMostTokens) return [0, count];
    const first = Math.max(0, Math.min(count - kMostTokens, at - kMostTokens / 2));
    return [first, first + kMostTokens];
  }

  private addTokens(to: HTMLElement, labels: number, isChosen: boolean): void {
    const { texts, special } = this.looked.labels[labels];
    const marked = isMarked(texts);
    const [first, last] = this.windowOf(texts.length, isChosen ? this.cell[0] : this.cell[1]);
    const specials = new Set(special);
    const all: HTMLElement[] = [];
    for (let i = first; i < last; ++i) {
      const name = ["token", specials.has(i) ? "special" : "", beginsWord(texts[i], marked) ? "begins" : ""].join(" ");
      const token = isChosen
        ? make("button", { className: name, type: "button", tabIndex: -1, "data-token": i, onclick: () => void this.pick(i), onpointerenter: (e: PointerEvent) => e.pointerType === "mouse" && void this.show(i), onfocus: () => void this.show(i) }, shown(texts[i]))
        : make("span", { className: name, "data-token": i }, shown(texts[i]));
      all.push(token);
    }
    fill(to, ...all);
    if (!isChosen) return;
    if (all.length) all[Math.max(0, Math.min(all.length - 1, this.cell[this.direction === "row" ? 0 : 1] - first))].tabIndex = 0;
    to.onkeydown = null;
    if (!to.dataset.roving) roving(to, "button.token", () => 1);
    to.dataset.roving = "1";
    if (texts.length > kMostTokens) to.append(make("span", { className: "note" }, `tokens ${first + 1} to ${last} of ${texts.length}; the map's cross hair moves them`));
  }

  private addImage(to: HTMLElement): void {
    const first = this.looked.grid!.class_token ? 1 : 0;
    const { element, patches } = patchesOf(this.looked.id, this.looked.grid!, first);
    patches.forEach((patch, i) => {
      patch.addEventListener("pointerenter", () => this.isSelf && void this.show(i + first));
      patch.addEventListener("click", () => this.isSelf && void this.pick(i + first));
    });
    fill(to, element);
  }

  private async pick(token: number): Promise<void> {
    this.cell = this.direction === "row" ? [token, this.cell[1]] : [this.cell[0], token];
    this.events.cell(this.cell);
    await this.show(token);
  }

  /** Colours the tokens by the row or column of one. */
  async show(token: number): Promise<void> {
    const asked = ++this.asked;
    const count = this.looked.labels[this.direction === "row" ? this.map.columns : this.map.rows].texts.length;
    let values: number[];
    try {
      values =
        this.direction === "row" ? await this.weights.row(token, count) : await this.weights.column(token, 0, Math.min(count, 65536));
    } catch {
      return;
    }
    if (asked !== this.asked) return;
    const colour = palettes[this.colours.palette] ?? palettes.heat;
    const where = this.right.isConnected ? this.right : this.left;
    for (const element of where.querySelectorAll<HTMLElement>("[data-token]")) {
      const value = values[Number(element.dataset.token)] ?? 0;
      const rgb = colour(place(value, this.scale, this.colours.scale));
      element.style.backgroundColor = css(rgb);
      element.style.color = ink(rgb);
      element.title = value.toPrecision(4);
    }
    for (const element of this.left.querySelectorAll<HTMLElement>("[data-token]"))
      element.classList.toggle("current", Number(element.dataset.token) === token);
    this.say(token, values);
  }

  private say(token: number, values: number[]): void {
    const from = this.looked.labels[this.direction === "row" ? this.map.rows : this.map.columns].texts;
    const to = this.looked.labels[this.direction === "row" ? this.map.columns : this.map.rows].texts;
    const best = values.map((value, i) => [value, i]).sort((a, b) => b[0] - a[0]).slice(0, 5);
    const list = best.map(([value, i]) => `“${shown(to[i] ?? "")}” ${value.toPrecision(3)}`).join(", ");
    const verb = this.direction === "row" ? "attends to" : "is attended to by";
    this.said.textContent = `“${shown(from[token] ?? "")}” ${verb}: ${list}`;
  }
}

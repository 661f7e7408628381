// One head's map: deep zoom with labels along both sides, a cross hair and values.
import OpenSeadragon from "openseadragon";
import type { Labels, Place, Pyramid } from "./api";
import { later, make, sharp, themed } from "./dom";
import { cut, shown } from "./labels";
import { ink, palettes, place as placeOf, short, type Scale } from "./palette";
import { tileSource } from "./tiles";
import { Weights } from "./weights";

const kValueCell = 38; // pixels of a cell whose weight is written in it
const kLabelStep = 15; // pixels between labels
const kMostPixels = 120; // of a cell
const kLetter = 12;

export interface MapEvents {
  cell(cell: [number, number]): void;
  box(box: [number, number, number]): void;
}

export class MapView {
  readonly element: HTMLElement;
  readonly weights: Weights;
  private readonly stage = make("div", { className: "stage" });
  private readonly over = make("canvas", { className: "over", "aria-hidden": "true" });
  private readonly left = make("canvas", { className: "axis left", "aria-hidden": "true" });
  private readonly top = make("canvas", { className: "axis top", "aria-hidden": "true" });
  private readonly said = make("p", { className: "said", "aria-live": "polite" });
  private readonly legend = make("canvas", { role: "img" });
  private readonly ends = make("span", { className: "note" });
  private readonly viewer: OpenSeadragon.Viewer;
  private readonly resized: ResizeObserver;
  private readonly scale: Scale; // of the colours: sinks are left out
  private cell: [number, number] = [0, 0];
  private hasCell = false;
  private isMoved = false; // by the user: until then all of the map is shown
  private first: [number, number, number] | null;
  private readonly fetchValues = later(120, () => void this.loadValues());

  /** Lives in `parent`, whose size is known by now. */
  constructor(
    parent: HTMLElement,
    private readonly at: Place,
    private readonly pyramid: Pyramid,
    private readonly rows: Labels,
    private readonly columns: Labels,
    title: string,
    private colours: { palette: string; scale: string },
    private readonly events: MapEvents,
    start: { cell: [number, number] | null; box: [number, number, number] | null },
  ) {
    this.weights = new Weights(at);
    this.scale = { greatest: pyramid.beside, smallest: Math.min(pyramid.scale.smallest, pyramid.beside / 2) };
    this.first = start.box;
    this.isMoved = start.box !== null;
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", `${title}, ${pyramid.rows} rows, ${pyramid.columns} columns: arrows move the cross hair, plus and minus zoom, Enter goes to the word, 0 shows all`);
    this.element = make("div", { className: "map" }, make("div", { className: "corner", "aria-hidden": "true" }, "query ↓ key →"), this.top, this.left, this.stage, make("div", { className: "foot" }, this.said, make("span", { className: "legend" }, this.legend, this.ends)));
    parent.append(this.element);
    this.viewer = this.makeViewer();
    this.stage.append(this.over);
    this.listen();
    this.resized = new ResizeObserver(() => {
      if (!this.isMoved) this.viewer.viewport?.goHome(true);
      this.draw();
    });
    this.resized.observe(this.stage);
    this.drawLegend();
    if (start.cell) this.moveTo(start.cell, false);
  }

  destroy(): void {
    this.resized.disconnect();
    this.weights.stop();
    this.viewer.destroy();
  }

  recolour(colours: { palette: string; scale: string }): void {
    this.colours = colours;
    this.first = this.isMoved ? this.box() : null;
    this.drawLegend();
    this.viewer.open(this.source());
  }

  focus(): void {
    this.stage.focus();
  }

  /** Puts the cross hair on a cell. */
  moveTo(cell: [number, number], follow: boolean): void {
    const clamp = (x: number, most: number): number => Math.max(0, Math.min(most - 1, x));
    this.cell = [clamp(cell[0], this.pyramid.rows), clamp(cell[1], this.pyramid.columns)];
    this.hasCell = true;
    if (follow) this.keepInSight();
    this.draw();
    void this.say();
  }

  /** Shows the same part as another view does. */
  showBox(box: [number, number, number]): void {
    const [column, row, across] = box;
    const { viewport } = this.viewer;
    if (!viewport || !(across > 0)) return;
    this.isMoved = true;
    viewport.zoomTo(this.pyramid.columns / across, undefined, true);
    viewport.panTo(new OpenSeadragon.Point(column / this.pyramid.columns, row / this.pyramid.columns), true);
  }

  private source(): OpenSeadragon.TileSourceOptions {
    return tileSource(this.at, this.pyramid, this.colours.palette, this.colours.scale, this.scale);
  }

  private makeViewer(): OpenSeadragon.Viewer {
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const options = {
      element: this.stage,
      drawer: "canvas",
      tileSources: this.source(),
      prefixUrl: "",
      showNavigationControl: false,
      imageSmoothingEnabled: false,
      immediateRender: true,
      blendTime: 0,
      animationTime: still ? 0 : 0.25,
      springStiffness: 12,
      minZoomImageRatio: 0.7,
      maxZoomPixelRatio: kMostPixels,
      visibilityRatio: 0.4,
      preserveImageSizeOnResize: true,
      minPixelRatio: 0.5,
      zoomPerScroll: 1.3,
      imageLoaderLimit: 4,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true, pinchRotate: false },
    };
    return new OpenSeadragon.Viewer(options as unknown as OpenSeadragon.Options);
  }

  private listen(): void {
    const { viewer } = this;
    viewer.addHandler("open", () => {
      const box = this.first;
      this.first = null;
      if (box) this.showBox(box);
      else viewer.viewport.goHome(true);
      this.draw();
    });
    for (const name of ["animation", "update-viewport", "resize"] as const) viewer.addHandler(name, () => this.draw());
    for (const name of ["canvas-drag", "canvas-scroll", "canvas-pinch", "canvas-double-click"] as const)
      viewer.addHandler(name, () => (this.isMoved = true));
    viewer.addHandler("animation-finish", () => this.isMoved && this.events.box(this.box()));
    viewer.addHandler("canvas-key", (event) => {
      (event as unknown as { preventDefaultAction: boolean }).preventDefaultAction = true;
    });
    viewer.addHandler("canvas-click", (event) => {
      const at = this.cellAt((event as unknown as { position: OpenSeadragon.Point }).position);
      if (at) this.choose(at, false);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || event.buttons !== 0) return;
      const bounds = this.stage.getBoundingClientRect();
      const at = this.cellAt(new OpenSeadragon.Point(event.clientX - bounds.left, event.clientY - bounds.top));
      if (at && (at[0] !== this.cell[0] || at[1] !== this.cell[1])) this.choose(at, false);
    });
    this.stage.addEventListener("keydown", (event) => this.key(event), true);
  }

  private choose(cell: [number, number], follow: boolean): void {
    this.moveTo(cell, follow);
    this.events.cell(this.cell);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const [row, column] = this.cell;
    const moves: Record<string, [number, number]> = {
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      Home: [row, 0],
      End: [row, this.pyramid.columns - 1],
      PageUp: [0, column],
      PageDown: [this.pyramid.rows - 1, column],
    };
    const { viewport } = this.viewer;
    if (event.key in moves) this.choose(moves[event.key], true);
    else if (event.key === "+" || event.key === "=") viewport.zoomBy(1.5, this.centre());
    else if (event.key === "-") viewport.zoomBy(1 / 1.5, this.centre());
    else if (event.key === "0") viewport.goHome();
    else if (event.key === "Enter") this.toWord();
    else return;
    if ("+=-0".includes(event.key)) this.isMoved = event.key !== "0";
    viewport.applyConstraints();
    event.preventDefault();
    event.stopPropagation();
  }

  /** So close that weights are written in their cells. */
  private toWord(): void {
    const across = Math.max(1, this.size().width / (kValueCell * 1.6));
    this.showBox([this.cell[1] + 0.5, this.cell[0] + 0.5, across]);
    this.events.box(this.box());
  }

  private centre(): OpenSeadragon.Point | undefined {
    if (!this.hasCell) return undefined;
    return new OpenSeadragon.Point((this.cell[1] + 0.5) / this.pyramid.columns, (this.cell[0] + 0.5) / this.pyramid.columns);
  }

  private keepInSight(): void {
    const bounds = this.viewer.viewport?.getBounds();
    const at = this.centre();
    if (!bounds || !at) return;
    const margin = 0.49 / this.pyramid.columns;
    const seen = at.x - margin >= bounds.x && at.y - margin >= bounds.y && at.x + margin <= bounds.x + bounds.width && at.y + margin <= bounds.y + bounds.height;
    if (seen) return;
    this.isMoved = true;
    this.viewer.viewport.panTo(at);
  }

  private size(): { width: number; height: number } {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  /** Pixels of the stage: where column 0 and row 0 begin, and a cell's size. */
  private frame(): { x: number; y: number; cell: number } | null {
    const { viewport } = this.viewer;
    if (!viewport || !this.viewer.isOpen()) return null;
    const from = viewport.viewportToViewerElementCoordinates(new OpenSeadragon.Point(0, 0));
    const to = viewport.viewportToViewerElementCoordinates(new OpenSeadragon.Point(1, 0));
    return { x: from.x, y: from.y, cell: (to.x - from.x) / this.pyramid.columns };
  }

  private cellAt(position: OpenSeadragon.Point): [number, number] | null {
    const frame = this.frame();
    if (!frame) return null;
    const [row, column] = [Math.floor((position.y - frame.y) / frame.cell), Math.floor((position.x - frame.x) / frame.cell)];
    const within = row >= 0 && column >= 0 && row < this.pyramid.rows && column < this.pyramid.columns;
    return within ? [row, column] : null;
  }

  private box(): [number, number, number] {
    const bounds = this.viewer.viewport.getBounds();
    const n = this.pyramid.columns;
    return [(bounds.x + bounds.width / 2) * n, (bounds.y + bounds.height / 2) * n, bounds.width * n];
  }

  /** What is seen, in cells. */
  private seen(frame: { x: number; y: number; cell: number }): { rows: [number, number]; columns: [number, number] } {
    const { width, height } = this.size();
    const range = (from: number, size: number, most: number): [number, number] => [
      Math.max(0, Math.floor(-from / frame.cell)),
      Math.min(most, Math.ceil((size - from) / frame.cell)),
    ];
    return { rows: range(frame.y, height, this.pyramid.rows), columns: range(frame.x, width, this.pyramid.columns) };
  }

  private async loadValues(): Promise<void> {
    const frame = this.frame();
    if (!frame || frame.cell < kValueCell) return;
    const { rows, columns } = this.seen(frame);
    try {
      await this.weights.fetch({ row: rows[0], rows: rows[1] - rows[0], column: columns[0], columns: columns[1] - columns[0] });
      this.draw();
      void this.say();
    } catch {
      // another part is seen by now
    }
  }

  private async say(): Promise<void> {
    const [row, column] = this.cell;
    const names = `row ${row + 1} “${shown(this.rows.texts[row] ?? "")}” → column ${column + 1} “${shown(this.columns.texts[column] ?? "")}”`;
    let weight = this.weights.get(row, column);
    this.said.textContent = weight === undefined ? `${names}: …` : `${names}: ${weight.toPrecision(6)}`;
    if (weight !== undefined) return;
    try {
      weight = (await this.weights.row(row, this.pyramid.columns))[column];
    } catch {
      return;
    }
    if (this.cell[0] === row && this.cell[1] === column) this.said.textContent = `${names}: ${weight.toPrecision(6)}`;
  }

  private draw(): void {
    const frame = this.frame();
    const { width, height } = this.size();
    if (!frame || width === 0 || height === 0) return;
    const seen = this.seen(frame);
    const context = sharp(this.over, width, height);
    if (frame.cell >= kValueCell) {
      this.drawValues(context, frame, seen);
      this.fetchValues();
    }
    if (this.hasCell) this.drawHair(context, frame);
    this.drawLabels(this.left, this.rows, frame.y, frame.cell, seen.rows, false);
    this.drawLabels(this.top, this.columns, frame.x, frame.cell, seen.columns, true);
  }

  private drawLegend(): void {
    const [width, height] = [140, 12];
    this.legend.style.width = `${width}px`;
    this.legend.style.height = `${height}px`;
    const context = sharp(this.legend, width, height);
    const colour = palettes[this.colours.palette] ?? palettes.heat;
    for (let x = 0; x < width; ++x) {
      context.fillStyle = `rgb(${colour(x / (width - 1)).join(",")})`;
      context.fillRect(x, 0, 1, height);
    }
    const { smallest, greatest } = this.scale;
    const isLog = this.colours.scale === "log";
    this.ends.textContent = `${isLog ? short(smallest) : "0"} to ${short(greatest)}, ${isLog ? "logarithmic" : "linear"}`;
    const { sinks, shares } = this.pyramid;
    const list = sinks.map((key, i) => `“${shown(this.columns.texts[key] ?? "")}” ${Math.round(100 * shares[i])} %`);
    if (list.length) this.ends.textContent += `; sinks left out: ${list.join(", ")} of the weight`;
    this.legend.setAttribute("aria-label", `Colours from ${this.ends.textContent}`);
  }

  private drawHair(context: CanvasRenderingContext2D, frame: { x: number; y: number; cell: number }): void {
    const { width, height } = this.size();
    const [x, y] = [frame.x + this.cell[1] * frame.cell, frame.y + this.cell[0] * frame.cell];
    const size = Math.max(2, frame.cell);
    for (const [colour, line] of [["rgba(0,0,0,0.75)", 3], ["rgba(255,255,255,0.95)", 1]] as [string, number][]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(x, y, size, size);
      context.beginPath();
      const [cx, cy] = [x + size / 2, y + size / 2];
      for (const [x1, y1, x2, y2] of [[0, cy, x, cy], [x + size, cy, width, cy], [cx, 0, cx, y], [cx, y + size, cx, height]]) {
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
      }
      context.globalAlpha = 0.4;
      context.stroke();
      context.globalAlpha = 1;
    }
  }

  private drawValues(context: CanvasRenderingContext2D, frame: { x: number; y: number; cell: number }, seen: { rows: [number, number]; columns: [number, number] }): void {
    context.font = `${Math.min(14, Math.max(9, frame.cell / 4.4))}px system-ui, sans-serif`;
    const digits = frame.cell > 56 ? 3 : 2;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const colour = palettes[this.colours.palette] ?? palettes.heat;
    for (let row = seen.rows[0]; row < seen.rows[1]; ++row)
      for (let column = seen.columns[0]; column < seen.columns[1]; ++column) {
        const weight = this.weights.get(row, column);
        if (weight === undefined) continue;
        context.fillStyle = ink(colour(placeOf(weight, this.scale, this.colours.scale)));
        context.fillText(short(weight, digits), frame.x + (column + 0.5) * frame.cell, frame.y + (row + 0.5) * frame.cell);
      }
  }

  private drawLabels(canvas: HTMLCanvasElement, labels: Labels, from: number, cell: number, seen: [number, number], isTop: boolean): void {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0 || height === 0) return;
    const context = sharp(canvas, width, height);
    let step = 1;
    for (let i = 0; step * cell < kLabelStep; ++i) step = [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3);
    const most = Math.floor(((isTop ? height : width) - 8) / (kLetter * 0.56));
    const special = new Set(labels.special);
    const [plain, faint, strong] = [themed("--ink"), themed("--faint"), themed("--accent")];
    context.textBaseline = "middle";
    context.textAlign = isTop ? "left" : "right";
    const chosen = this.hasCell ? this.cell[isTop ? 1 : 0] : -1;
    const write = (index: number, isChosen: boolean): void => {
      const middle = from + (index + 0.5) * cell;
      const text = cut(shown(labels.texts[index] ?? String(index + 1)), most);
      context.font = `${isChosen ? "600 " : ""}${kLetter}px system-ui, sans-serif`;
      context.save();
      if (isTop) {
        context.translate(middle, height - 4);
        context.rotate(-Math.PI / 2);
      } else {
        context.translate(width - 4, middle);
      }
      if (isChosen) {
        context.fillStyle = themed("--back");
        const length = context.measureText(text).width + 4;
        context.fillRect(isTop ? -2 : -length, -kLabelStep / 2, length + 2, kLabelStep);
      }
      context.fillStyle = isChosen ? strong : special.has(index) ? faint : plain;
      context.fillText(text, 0, 0);
      context.restore();
    };
    for (let index = Math.ceil(seen[0] / step) * step; index < seen[1]; index += step) write(index, false);
    if (chosen >= seen[0] && chosen < seen[1]) write(chosen, true);
  }
}

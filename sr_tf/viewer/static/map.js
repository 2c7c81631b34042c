// Draws over the slide how each block is stored, the scores of each gate tile, and the worst detail cells.

import { fitCanvas } from "./canvas.js";

const TEXT_FROM = 92;  // a tile's scores are written into it if it has this many CSS pixels

export class RepresentationMap {
  constructor(viewer, slide) {
    Object.assign(this, { viewer, slide, on: false, map: null, place: null });
    this.canvas = document.getElementById("map");
    this.legend = document.getElementById("legend");
    this.here = document.getElementById("here");
    this.kinds = new Map(slide.archive.kinds.map((kind) => [kind.code, kind]));
    this.#list();
    viewer.addHandler("update-viewport", () => this.draw());
    viewer.addHandler("resize", () => this.draw());
    viewer.container.addEventListener("pointermove", (event) => {
      const stage = viewer.container.getBoundingClientRect();
      this.place = [event.clientX - stage.left, event.clientY - stage.top];
      this.#describe();
    });
    viewer.container.addEventListener("pointerleave", () => { this.place = null; this.#describe(); });
  }

  async toggle() {
    this.on = !this.on;
    this.legend.hidden = !this.on;
    if (this.on && !this.map) this.map = await (await fetch("map.json")).json();
    this.draw();
  }

  draw() {
    const pen = fitCanvas(this.canvas);
    if (!this.on || !this.map) return;
    const { block, tile, kinds } = this.map;
    const corner = this.#onScreen(0, 0);
    const unit = this.#onScreen(1000, 0).x - corner.x;
    const pixels = unit / 1000;  // CSS pixels per slide pixel
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const clamp = (value, most) => Math.max(0, Math.min(most, value));
    const range = (side, rows, columns) => [
      clamp(Math.floor(-corner.y / pixels / side), rows), clamp(Math.ceil((height - corner.y) / pixels / side), rows),
      clamp(Math.floor(-corner.x / pixels / side), columns), clamp(Math.ceil((width - corner.x) / pixels / side), columns),
    ];
    const box = (row, column, side) => {
      const x = corner.x + column * side * pixels, y = corner.y + row * side * pixels;
      return [x, y, Math.min(side, this.slide.width - column * side) * pixels,
        Math.min(side, this.slide.height - row * side) * pixels];
    };
    const [top, bottom, left, right] = range(block, kinds.length, kinds[0].length);
    pen.lineWidth = 1;
    for (let row = top; row < bottom; row += 1) {
      for (let column = left; column < right; column += 1) {
        const place = box(row, column, block);
        const { colour } = this.kinds.get(kinds[row][column]);
        pen.globalAlpha = 0.28;
        pen.fillStyle = colour;
        pen.fillRect(...place);
        if (block * pixels < 12) continue;
        pen.globalAlpha = 0.9;
        pen.strokeStyle = colour;
        pen.strokeRect(place[0] + 1, place[1] + 1, place[2] - 2, place[3] - 2);
      }
    }
    pen.globalAlpha = 1;
    if (tile * pixels >= TEXT_FROM) this.#scores(pen, range(tile, this.map.psnr.length, this.map.psnr[0].length), box);
    this.#cells(pen, corner, pixels);
    this.#describe();
  }

  /** Frames the worst detail cells, at least 9 CSS pixels wide, so that they are found from afar. */
  #cells(pen, corner, pixels) {
    const side = Math.max(this.map.cell * pixels, 9);
    for (const [x, y] of this.map.cells) {
      const [middleX, middleY] = [corner.x + (x + this.map.cell / 2) * pixels, corner.y + (y + this.map.cell / 2) * pixels];
      for (const [width, colour] of [[4, "#10141a"], [2, "#ffffff"]]) {
        pen.lineWidth = width;
        pen.strokeStyle = colour;
        pen.strokeRect(middleX - side / 2, middleY - side / 2, side, side);
      }
    }
    pen.lineWidth = 1;
  }

  #scores(pen, [top, bottom, left, right], box) {
    pen.font = '600 11.5px system-ui, "Liberation Sans", sans-serif';
    pen.textBaseline = "middle";
    for (let row = top; row < bottom; row += 1) {
      for (let column = left; column < right; column += 1) {
        const [x, y, width, height] = box(row, column, this.map.tile);
        pen.strokeStyle = "#10141a55";
        pen.setLineDash([3, 4]);
        pen.strokeRect(x + 0.5, y + 0.5, width, height);
        pen.setLineDash([]);
        const text = this.#score(row, column);
        const room = pen.measureText(text).width + 12;
        if (width < room + 8 || height < 28) continue;
        pen.fillStyle = "#0e1217d9";
        pen.beginPath();
        pen.roundRect(x + 5, y + 5, room, 19, 5);
        pen.fill();
        pen.fillStyle = "#f2f5f9";
        pen.fillText(text, x + 11, y + 15);
      }
    }
  }

  #onScreen(x, y) {
    return this.viewer.viewport.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
  }

  #list() {
    const list = document.getElementById("legend-list");
    for (const { name, colour, blocks } of this.slide.archive.kinds) {
      const line = document.createElement("li"), swatch = document.createElement("i");
      const label = document.createElement("span"), count = document.createElement("b");
      swatch.className = "swatch";
      swatch.style.background = colour;
      label.textContent = name;
      count.textContent = blocks.toLocaleString("en");
      line.append(swatch, label, count);
      list.append(line);
    }
  }

  /** Describes the block and the tile under the pointer, or in the middle of the screen. */
  #describe() {
    if (!this.on || !this.map) return;
    const { container, viewport } = this.viewer;
    const [x, y] = this.place ?? [container.clientWidth / 2, container.clientHeight / 2];
    const point = viewport.viewerElementToImageCoordinates(new OpenSeadragon.Point(x, y));
    const inside = point.x >= 0 && point.y >= 0 && point.x < this.slide.width && point.y < this.slide.height;
    const [row, column] = [point.y, point.x].map((value) => Math.floor(value / this.map.block));
    const [tileRow, tileColumn] = [point.y, point.x].map((value) => Math.floor(value / this.map.tile));
    const small = document.createElement("small");
    if (!inside) {
      small.textContent = "Outside the slide.";
      this.here.replaceChildren(small);
      return;
    }
    small.textContent = `${this.place ? "Under the pointer" : "In the middle"}: block ${column}, ${row}`;
    const kind = document.createElement("span");
    kind.textContent = this.kinds.get(this.map.kinds[row][column]).name;
    const measured = document.createElement("small");
    measured.textContent = this.#score(tileRow, tileColumn, "SSIM ", "LPIPS ");
    const cell = this.map.cells.find(([x, y]) => point.x >= x && point.x < x + this.map.cell
      && point.y >= y && point.y < y + this.map.cell);
    const detail = document.createElement("small");
    if (cell) detail.textContent = `Small detail: local SSIM ≥ ${cell[2]}, local error ≤ ${cell[3]} of 255`;
    this.here.replaceChildren(small, kind, measured, detail);
  }

  /** The scores of a tile; LPIPS only where it was measured. */
  #score(row, column, ssimName = "", lpipsName = "") {
    const [psnr, ssim, lpips] = [this.map.psnr, this.map.ssim, this.map.lpips].map((scores) => scores?.[row][column]);
    if (psnr === null) return "exact";
    const distance = lpips == null ? "" : ` · ${lpipsName}${lpips.toFixed(3)}`;
    return `${psnr.toFixed(1)} dB · ${ssimName}${ssim.toFixed(3)}${distance}`;
  }
}

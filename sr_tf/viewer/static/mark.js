// Writes over the pixels that they are reconstructed, so that a part of a screenshot shows it as well.

import { fitCanvas } from "./canvas.js";

const LINES = ["RECONSTRUCTED", "RESEARCH USE ONLY"];
const ACROSS = 340, DOWN = 150;  // distance between two marks in CSS pixels

/** Draws the marks over the slide, to the right of `left` CSS pixels. */
export function drawMark(viewer, left) {
  const canvas = document.getElementById("mark");
  const pen = fitCanvas(canvas);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const { viewport } = viewer, size = viewer.world.getItemAt(0).getContentSize();
  const [start, end] = [new OpenSeadragon.Point(0, 0), size].map((point) => viewport.imageToViewerElementCoordinates(point));
  const from = Math.max(left, start.x, 0);
  pen.save();
  pen.beginPath();
  pen.rect(from, start.y, Math.max(0, end.x - from), end.y - start.y);
  pen.clip();
  pen.font = '650 11.5px system-ui, "Liberation Sans", sans-serif';
  pen.letterSpacing = "1.4px";
  pen.textAlign = "center";
  pen.lineJoin = "round";
  pen.lineWidth = 2.5;
  pen.strokeStyle = "#ffffff59";
  pen.fillStyle = "#1b24348c";
  for (let row = 0, y = start.y > 0 ? start.y + 70 : 70; y < Math.min(height, end.y) + DOWN; row += 1, y += DOWN) {
    for (let x = from + 100 + (row % 2) * ACROSS / 2; x < width + ACROSS; x += ACROSS) {
      for (const [line, text] of LINES.entries()) {
        pen.strokeText(text, x, y + 16 * line);
        pen.fillText(text, x, y + 16 * line);
      }
    }
  }
  pen.restore();
}

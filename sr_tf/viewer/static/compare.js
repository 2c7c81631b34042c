// Compares two layers with a divider: one on its left, one on its right.

const STEP = 2, LEAP = 10;  // percent

/** The divider. `onMove` is called whenever it moves, appears or disappears. */
export class Divider {
  constructor(viewer, { onMove }) {
    Object.assign(this, { viewer, onMove, at: 50, on: false, left: null, right: null });
    this.handle = document.getElementById("divider");
    this.tags = ["tag-left", "tag-right"].map((id) => document.getElementById(id));
    viewer.addHandler("update-viewport", () => this.#clip());
    viewer.addHandler("resize", () => this.#place());
    this.handle.addEventListener("keydown", (event) => this.#key(event));
    this.handle.addEventListener("pointerdown", (event) => {
      this.handle.setPointerCapture(event.pointerId);
      this.handle.focus();
      event.preventDefault();
    });
    this.handle.addEventListener("pointermove", (event) => {
      if (!this.handle.hasPointerCapture(event.pointerId)) return;
      const stage = this.viewer.container.getBoundingClientRect();
      this.move(100 * (event.clientX - stage.left) / stage.width);
    });
  }

  /** Shows two layers; each is {image, title}. */
  show(left, right) {
    if (this.left && this.left.image !== left.image) this.left.image.setOpacity(0);
    Object.assign(this, { left, right, on: true });
    left.image.setOpacity(1);
    for (const [tag, { title }] of [[this.tags[0], left], [this.tags[1], right]]) {
      tag.textContent = title;
      tag.hidden = false;
    }
    this.handle.hidden = false;
    this.#place();
  }

  hide() {
    if (!this.on) return;
    this.on = false;
    this.left.image.setOpacity(0);
    this.right.image.setClip(null);
    this.handle.hidden = true;
    for (const tag of this.tags) tag.hidden = true;
    this.onMove();
  }

  move(percent) {
    this.at = Math.min(100, Math.max(0, percent));
    this.#place();
  }

  /** The divider's position in CSS pixels from the left of the stage; 0 when it is hidden. */
  get position() {
    return this.on ? this.at / 100 * this.viewer.container.clientWidth : 0;
  }

  #place() {
    if (!this.on) return;
    this.handle.style.left = `${this.at}%`;
    this.handle.setAttribute("aria-valuenow", Math.round(this.at));
    this.handle.setAttribute("aria-valuetext",
      `${this.left.title} on the left ${Math.round(this.at)} %, ${this.right.title} on the rest`);
    this.#clip();
    this.viewer.forceRedraw();
    this.onMove();
  }

  #clip() {
    if (!this.on) return;
    const { viewport } = this.viewer;
    const size = this.right.image.getContentSize();
    const edge = viewport.viewerElementToImageCoordinates(new OpenSeadragon.Point(this.position, 0)).x;
    const x = Math.min(size.x, Math.max(0, edge));
    if (x === this.clipped && this.clippedFor === this.left.image) return;
    Object.assign(this, { clipped: x, clippedFor: this.left.image });
    this.left.image.setClip(new OpenSeadragon.Rect(0, 0, x, size.y));
    this.right.image.setClip(new OpenSeadragon.Rect(x, 0, size.x - x, size.y));
  }

  #key(event) {
    const step = event.shiftKey ? LEAP : STEP;
    const target = {
      ArrowLeft: this.at - step, ArrowDown: this.at - step, ArrowRight: this.at + step, ArrowUp: this.at + step,
      PageDown: this.at - LEAP, PageUp: this.at + LEAP, Home: 0, End: 100,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(target);
  }
}

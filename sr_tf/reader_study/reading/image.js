// The image: zoom in steps of the screen's pixels, so that 1:1 is one pixel on one.

let zoom = 1, left = 0, top_ = 0, held = [0, 0];
const stage = find("stage");

function place() {
  const image = find("image"), scale = zoom / devicePixelRatio, side = study.side * scale;
  const within = (offset, room) => (side <= room ? (room - side) / 2 : Math.min(0, Math.max(room - side, offset)));
  left = within(left, stage.clientWidth);
  top_ = within(top_, stage.clientHeight);
  const whole = (value) => Math.round(value * devicePixelRatio) / devicePixelRatio;
  Object.assign(image.style, { width: `${side}px`, height: `${side}px`, transform: `translate(${whole(left)}px, ${whole(top_)}px)` });
  find("factor").textContent = `${Math.round(100 * zoom)} %`;
}

function zoomTo(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const next = Math.min(8, Math.max(0.1, factor));
  left = x - ((x - left) * next) / zoom;
  top_ = y - ((y - top_) * next) / zoom;
  zoom = next;
  place();
}

const fit = () => zoomTo((Math.min(stage.clientWidth, stage.clientHeight) / study.side) * devicePixelRatio);

function move(x, y) {
  left += x;
  top_ += y;
  place();
}

function listenToImage() {
  find("image").addEventListener("load", () => {
    find("image").hidden = false;
    place();
  });
  find("image").addEventListener("error", () => {
    find("trouble").textContent = `images/${images(session)[index]}.png cannot be shown. Copy the whole folder, with its images.`;
    find("trouble").hidden = false;
  });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomTo(zoom * 1.25 ** -Math.sign(event.deltaY), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".zoom")) return;
    stage.setPointerCapture(event.pointerId);
    held = [event.clientX, event.clientY];
  });
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    move(event.clientX - held[0], event.clientY - held[1]);
    held = [event.clientX, event.clientY];
  });
  find("out").addEventListener("click", () => zoomTo(zoom / 1.25));
  find("in").addEventListener("click", () => zoomTo(zoom * 1.25));
  find("fit").addEventListener("click", fit);
  find("one").addEventListener("click", () => zoomTo(1));
  addEventListener("resize", place);
}

"use strict";
for (const box of document.querySelectorAll(".compare")) {
  const view = box.querySelector(".view");
  const range = box.querySelector("input[type=range]");
  const zoom = box.querySelector(".zoom");
  const sides = { left: box.querySelector(".choose-left"), right: box.querySelector(".choose-right") };
  let x = 0, y = 0;

  const put = (name, value) => view.style.setProperty(name, value);
  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  function divide(at) {
    range.value = within(at, 0, 100);
    put("--at", range.value / 100);
    range.setAttribute("aria-valuetext",
      `left ${Math.round(range.value)} %: ${sides.left.value}, rest: ${sides.right.value}`);
  }

  function choose() {
    for (const [side, select] of Object.entries(sides)) {
      const tag = view.querySelector(`.tag.${side}`);
      for (const image of view.querySelectorAll("img")) {
        const chosen = image.dataset.method === select.value;
        image.classList.toggle(`on-${side}`, chosen);
        if (!chosen) continue;
        const caption = document.createElement("small");
        caption.textContent = image.dataset.caption;
        tag.replaceChildren(image.alt, caption);
      }
    }
    divide(range.value);
  }

  function pan(toX, toY) {
    x = within(toX, 1 - zoom.value, 0);
    y = within(toY, 1 - zoom.value, 0);
    put("--x", x);
    put("--y", y);
  }

  function enlarge(from) {
    const by = zoom.value / from;
    put("--z", zoom.value);
    view.classList.toggle("enlarged", zoom.value > 1);
    view.dataset.zoom = zoom.value;
    pan(0.5 - (0.5 - x) * by, 0.5 - (0.5 - y) * by);
  }

  function drag(start) {
    if (start.button !== 0) return;
    const size = view.getBoundingClientRect();
    const divides = start.target.classList.contains("divider");
    if (!divides && zoom.value === "1") return;
    const from = { x: x, y: y, at: Number(range.value) };
    const move = (event) => {
      const dx = (event.clientX - start.clientX) / size.width;
      const dy = (event.clientY - start.clientY) / size.height;
      if (divides) divide(from.at + 100 * dx);
      else pan(from.x + dx, from.y + dy);
    };
    const stop = () => {
      view.removeEventListener("pointermove", move);
      for (const end of ["pointerup", "pointercancel"]) view.removeEventListener(end, stop);
    };
    view.setPointerCapture(start.pointerId);
    view.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, stop);
    start.preventDefault();
  }

  const steps = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  function key(event) {
    const step = steps[event.key];
    const zoomStep = { "+": 1, "=": 1, "-": -1 }[event.key];
    if (step && zoom.value > 1) pan(x + step[0], y + step[1]);
    else if (zoomStep) {
      const from = zoom.value;
      zoom.selectedIndex = within(zoom.selectedIndex + zoomStep, 0, zoom.options.length - 1);
      enlarge(from);
    } else return;
    event.preventDefault();
  }

  range.addEventListener("input", () => divide(range.value));
  for (const select of Object.values(sides)) select.addEventListener("change", choose);
  zoom.addEventListener("change", () => enlarge(Number(view.dataset.zoom)));
  view.addEventListener("pointerdown", drag);
  view.addEventListener("keydown", key);
  view.dataset.zoom = "1";
  choose();
  box.hidden = false;
}

// Magnification, zoom and scale bar. Magnification and scale bar are shown only if the file states what they need.

const WIDEST = 170;  // largest length of the scale bar in CSS pixels

export function watchGauge(viewer, slide) {
  const [power, zoom, scale, text, bar] = ["power", "zoom", "scale", "scale-text", "scale-bar"].map((id) => document.getElementById(id));
  const draw = () => {
    const ratio = viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(true));  // CSS pixels per slide pixel
    power.textContent = slide.objective ? `${short(slide.objective * ratio)}×` : "";
    zoom.textContent = `${short(100 * ratio)} %`;
    scale.hidden = !slide.mpp;
    if (!slide.mpp) return;
    const micrometres = slide.mpp[0] / ratio;  // per CSS pixel
    const length = roundLength(WIDEST * micrometres);
    text.textContent = named(length);
    bar.style.width = `${(length / micrometres).toFixed(2)}px`;
  };
  viewer.addHandler("update-viewport", draw);
  viewer.addHandler("resize", draw);
  draw();
}

/** The largest number 1, 2 or 5 × 10ⁿ that is not above a value. */
export function roundLength(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [5, 2, 1].find((digit) => digit * power <= value * (1 + 1e-9));
}

function named(micrometres) {
  if (micrometres >= 10000) return `${micrometres / 10000} cm`;
  if (micrometres >= 1000) return `${micrometres / 1000} mm`;
  if (micrometres >= 1) return `${micrometres} µm`;
  return `${Math.round(micrometres * 1000)} nm`;
}

function short(value) {
  return String(Number(value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toPrecision(2)));
}

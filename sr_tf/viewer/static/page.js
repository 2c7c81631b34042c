// Sets up the page: slide, divider, map, gauge and keys.

import { Divider } from "./compare.js";
import { fillDetails } from "./details.js";
import { watchGauge } from "./gauge.js";
import { listen } from "./keys.js";
import { RepresentationMap } from "./map.js";
import { drawMark } from "./mark.js";
import { abandonUnseen, tileSource } from "./tiles.js";
import { keepPlace } from "./place.js";

const element = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

const answer = await fetch("slide.json");
const slide = await answer.json();
const exact = !slide.archive || slide.archive.exact;

document.title = `${slide.name} · sr_tf`;
element("name").textContent = slide.name;
element("facts").textContent = [
  `${slide.width.toLocaleString("en")} × ${slide.height.toLocaleString("en")} pixels`,
  slide.archive ? slide.archive.gate : slide.format,
].join(" · ");
element("banner").textContent = !slide.archive ? "Research use only, not for diagnosis"
  : exact ? "Restored, every pixel equals the original at full size. Research use only, not for diagnosis"
    : "Reconstructed, research use only, not for diagnosis";
document.body.classList.toggle("no-archive", !slide.archive);
Object.assign(element("back"), slide.listed ? { href: "../../", hidden: false } : {});
fillDetails(slide);

// OpenSeadragon would report each cancelled tile on the console as an error.
OpenSeadragon.console = { ...console, error: () => {}, assert: () => {}, warn: () => {}, log: () => {}, debug: () => {}, info: () => {} };

// OpenSeadragon adds an inline style sheet for phones unless it finds one. This page's policy forbids inline styles, and
// page.css replaces that sheet, so an empty element takes its place.
const placeholder = document.createElementNS("", "style");
placeholder.setAttribute("data-openseadragon-mobile-css", "");
document.head.append(placeholder);

const viewer = OpenSeadragon({
  element: element("slide"), drawer: "canvas", showNavigationControl: false, keyboardNavEnabled: false,
  showNavigator: true, navigatorElement: element("navigator"), navigatorAutoFade: false, navigatorDisplayRegionColor: "#0a66c2",
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  animationTime: still ? 0 : 0.5, springStiffness: 9, blendTime: 0, immediateRender: false,
  maxZoomPixelRatio: 8, minZoomImageRatio: 0.7, visibilityRatio: 0.4, imageLoaderLimit: 6, timeout: 600000, maxImageCacheCount: 500,
});
// OpenSeadragon stretches tiles by a pixel to hide seams. That is not needed when slide and screen pixels coincide.
viewer.drawer.minimumOverlapRequired = () => !onGrid();

function onGrid() {
  const ratio = window.devicePixelRatio || 1;
  const scale = ratio * viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(true));
  const origin = viewer.viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true).times(ratio);
  return scale > 0.99 && [scale, origin.x, origin.y].every((value) => Math.abs(value - Math.round(value)) < 1e-3);
}

viewer.navigator.addTiledImage = function (options) {  // always shows the whole first layer
  if (options.tileSource.layer === slide.layers[0].name) {
    OpenSeadragon.Viewer.prototype.addTiledImage.call(this, { ...options, success: null, error: null });
  }
};

const troubles = new Set();
let silent = false;
const showTroubles = () => {
  const lines = [];
  if (silent) lines.push("The server does not answer.");
  if (troubles.size) lines.push(`Some tiles cannot be shown: ${[...troubles].at(-1)}`);
  element("message").textContent = lines.join(" ");
};
const reports = {
  onError: (reason) => { troubles.add(reason); showTroubles(); },
  onSilence: (now) => { if (now !== silent) { silent = now; showTroubles(); } },
};

/** Adds a layer to the viewer; only the first one is visible. */
function add({ name, title }, index) {
  return new Promise((resolve, reject) => viewer.addTiledImage({
    tileSource: tileSource(slide, name, reports), opacity: index ? 0 : 1,
    success: ({ item }) => resolve({ image: item, name, title }), error: reject,
  }));
}
const [first, ...rest] = await Promise.all(slide.layers.map(add));
const others = rest.reverse();  // the original first, then the interpolated layer

const busy = () => {
  element("busy").hidden = [first, ...rest].every(({ image }) => !image.getOpacity() || image.getFullyLoaded());
};
for (const { image } of [first, ...rest]) {
  image.addHandler("fully-loaded-change", busy);
  image.addHandler("opacity-change", busy);
}

const mark = () => {
  if (!exact) drawMark(viewer, divider.on && divider.left.name === "original" ? divider.position : 0);
};
const divider = new Divider(viewer, { onMove: mark });
const map = slide.archive && new RepresentationMap(viewer, slide);
let beside = 0;

const actions = {
  compare() {
    if (!others.length) return;
    if (divider.on) divider.hide();
    else divider.show(others[beside], first);
    element("compare").setAttribute("aria-pressed", divider.on);
    element("beside-label").hidden = !divider.on || others.length < 2;
  },
  choose(index) {
    beside = index % others.length;
    element("beside").value = beside;
    if (divider.on) divider.show(others[beside], first);
  },
  next() { if (others.length) actions.choose(beside + 1); },
  divide(by) { if (divider.on) divider.move(divider.at + by); },
  map() {
    if (!map) return;
    map.toggle();
    element("map-toggle").setAttribute("aria-pressed", map.on);
  },
  details() {
    const panel = element("details");
    panel.hidden = !panel.hidden;
    element("details-toggle").setAttribute("aria-expanded", !panel.hidden);
    if (panel.hidden) element("details-toggle").focus();
    else element("details-close").focus();
  },
  help() { element("help").showModal(); },
  zoom(factor) { viewer.viewport.zoomBy(factor).applyConstraints(); },
  whole() { viewer.viewport.goHome(still); },
  pan(x, y) {
    const { width, height } = viewer.viewport.getBounds(false);
    viewer.viewport.panBy(new OpenSeadragon.Point(x * width, y * height)).applyConstraints();
  },
  /** Shows each slide pixel as one screen pixel, aligned with it, so that nothing is interpolated. */
  pixels() {
    const { viewport, container } = viewer;
    const ratio = window.devicePixelRatio || 1;
    const half = new OpenSeadragon.Point(container.clientWidth * ratio / 2, container.clientHeight * ratio / 2);
    const centre = viewport.viewportToImageCoordinates(viewport.getCenter(false));
    const snapped = new OpenSeadragon.Point(Math.round(centre.x - half.x) + half.x, Math.round(centre.y - half.y) + half.y);
    viewport.zoomTo(viewport.imageToViewportZoom(1 / ratio), null, true);
    viewport.panTo(viewport.imageToViewportCoordinates(snapped), true);
  },
  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  },
};

if (others.length) {
  element("compare").hidden = false;
  for (const [index, { title }] of others.entries()) element("beside").append(new Option(title, index));
  element("beside").addEventListener("change", (event) => actions.choose(Number(event.target.value)));
}
element("map-toggle").hidden = !map;
for (const [id, action] of [
  ["compare", actions.compare], ["map-toggle", actions.map], ["details-toggle", actions.details], ["details-close", actions.details],
  ["help-toggle", actions.help], ["zoom-in", () => actions.zoom(1.6)], ["zoom-out", () => actions.zoom(1 / 1.6)],
  ["zoom-pixels", actions.pixels], ["zoom-whole", actions.whole],
]) element(id).addEventListener("click", action);
listen(actions);

viewer.canvas.setAttribute("role", "application");
viewer.canvas.setAttribute("aria-label", `The slide ${slide.name}. The arrow keys move it, plus and minus zoom, the question mark shows all keys.`);
viewer.addHandler("update-viewport", () => abandonUnseen(viewer));
viewer.addHandler("update-viewport", () => {
  // At higher zoom, smoothed pixels would look like detail of the slide.
  const ratio = viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(true));
  viewer.drawer.setImageSmoothingEnabled(ratio < 3);
});
viewer.addHandler("update-viewport", mark);
viewer.addHandler("resize", mark);
watchGauge(viewer, slide);
keepPlace(viewer);
mark();
busy();
if (slide.layers.some(({ name }) => name === "original") && slide.archive) actions.compare();
document.body.dataset.ready = "true";

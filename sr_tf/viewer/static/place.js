// Keeps the position in the page's address: x and y of the middle in slide pixels, and the zoom in percent.

export function keepPlace(viewer) {
  const { viewport } = viewer;
  const go = () => {
    const { x, y, zoom } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (![x, y, zoom].every((value) => Number(value) > 0)) return;
    viewport.zoomTo(viewport.imageToViewportZoom(Number(zoom) / 100), null, true);
    viewport.panTo(viewport.imageToViewportCoordinates(new OpenSeadragon.Point(Number(x), Number(y))), true);
    viewport.applyConstraints(true);
  };
  go();
  addEventListener("hashchange", go);
  viewer.addHandler("animation-finish", () => {
    const middle = viewport.viewportToImageCoordinates(viewport.getCenter(false));
    const zoom = 100 * viewport.viewportToImageZoom(viewport.getZoom(false));
    history.replaceState(null, "", `#x=${middle.x.toFixed(1)}&y=${middle.y.toFixed(1)}&zoom=${zoom.toFixed(2)}`);
  });
}

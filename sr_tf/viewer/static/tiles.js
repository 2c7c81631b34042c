// Loads tiles with fetch, so that requests for tiles that left the screen can be cancelled and damaged tiles can be hatched.

const PATIENCE = 30;  // number of retries if the server is busy or does not answer

/** An OpenSeadragon tile source for one layer of the slide. */
export function tileSource(slide, layer, { onError, onSilence }) {
  const source = new OpenSeadragon.TileSource({
    width: slide.width, height: slide.height, tileSize: slide.tile, tileOverlap: 0, minLevel: 0, maxLevel: slide.levels - 1,
  });
  source.layer = layer;
  source.getTileUrl = (level, x, y) => `tiles/${layer}/${slide.levels - 1 - level}/${x}/${y}.png`;
  source.hasTransparency = () => false;
  source.downloadTileStart = async (job) => {
    const stop = new AbortController();
    job.userData.stop = stop;
    pending.add(job);
    try {
      const answer = await ask(job.src, stop.signal, onSilence);
      if (answer.ok) {
        job.finish(await createImageBitmap(await answer.blob()), null, "imageBitmap");
      } else {
        const reason = await answer.text();
        onError(reason);
        job.finish(hatched(slide, job.tile, layer), null, "context2d");
      }
    } catch (error) {
      job.fail(String(error), null);
      job.tile.exists = true;  // or OpenSeadragon would never load it again
    } finally {
      pending.delete(job);
    }
  };
  source.downloadTileAbort = (job) => job.userData.stop?.abort();
  return source;
}

const pending = new Set();

/** Cancels requests for tiles that left the screen or are much finer than the screen can show. */
export function abandonUnseen(viewer) {
  const seen = viewer.viewport.getBounds(false);
  const zoom = viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(false));
  for (const job of pending) {
    const { bounds, level, tiledImage } = job.tile;
    if (tiledImage.viewer !== viewer) continue;  // belongs to the overview map
    const apart = bounds.x > seen.x + seen.width || bounds.x + bounds.width < seen.x ||
      bounds.y > seen.y + seen.height || bounds.y + bounds.height < seen.y;
    const halved = job.source.maxLevel - level;
    if (apart || (halved >= 0 && zoom * 2 ** halved < 0.2)) job.userData.stop.abort();
  }
}

async function ask(url, signal, onSilence) {
  for (let tries = 0; ; tries += 1) {
    let answer = null;
    try {
      answer = await fetch(url, { signal });
    } catch (error) {
      if (signal.aborted || tries >= PATIENCE) throw error;
    }
    onSilence(answer === null);
    if (answer && answer.status !== 503 && answer.status !== 429) return answer;
    if (tries >= PATIENCE) return answer;
    await pause(1000 * Number(answer?.headers.get("Retry-After") ?? 2), signal);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/** The picture that replaces a tile that cannot be shown. */
function hatched(slide, tile) {
  const scale = 2 ** (slide.levels - 1 - tile.level);
  const width = Math.min(slide.tile, Math.ceil(slide.width / scale) - tile.x * slide.tile);
  const height = Math.min(slide.tile, Math.ceil(slide.height / scale) - tile.y * slide.tile);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#2c0c28";
  pen.fillRect(0, 0, width, height);
  pen.strokeStyle = "#e83eb4";
  pen.lineWidth = 6;
  for (let x = -height; x < width; x += 24) {
    pen.beginPath();
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
    pen.stroke();
  }
  if (width >= 150 && height >= 60) {
    pen.fillStyle = "#2c0c28";
    pen.fillRect(width / 2 - 66, height / 2 - 20, 132, 40);
    pen.fillStyle = "#ffd9f2";
    pen.font = "600 15px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText("cannot be shown", width / 2, height / 2);
  }
  return pen;
}

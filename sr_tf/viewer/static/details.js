// The panel with the details of the slide.

const bytes = (count) => `${count.toLocaleString("en")} bytes`;

export function fillDetails(slide) {
  const list = document.getElementById("details-list");
  const add = (name, ...values) => {
    const term = document.createElement("dt"), meaning = document.createElement("dd");
    term.textContent = name;
    for (const value of values) meaning.append(...(meaning.childNodes.length ? [document.createElement("br")] : []), value);
    list.append(term, meaning);
  };
  add("File", slide.name);
  add("Size", `${slide.width.toLocaleString("en")} × ${slide.height.toLocaleString("en")} pixels`);
  add("Resolution", slide.mpp ? `${number(slide.mpp[0])} × ${number(slide.mpp[1])} µm per pixel` : "not in the file, so there is no scale bar");
  add("Objective", slide.objective ? `${number(slide.objective)}×` : "not in the file, so there is no magnification");
  if (slide.icc) add("Colour profile", "stored in the file, not applied here");
  const { archive } = slide;
  if (archive) {
    add("Gate", archive.gate);
    if (archive.sourceName) add("Made from", archive.sourceName);
    const smaller = archive.sourceBytes ? [`${(archive.sourceBytes / archive.bytes).toFixed(1)} times smaller than the slide’s file (${bytes(archive.sourceBytes)})`] : [];
    add("Stored in", bytes(archive.bytes), ...smaller);
    add("Representations", ...archive.kinds.map((kind) => `${kind.name}: ${kind.blocks.toLocaleString("en")} ${kind.blocks === 1 ? "block" : "blocks"}, ${bytes(kind.bytes)}`));
    if (archive.generators.length) add("Generator", archive.generators.join(", "));
    if (archive.sameOriginal !== null) {
      add("Original", archive.sameOriginal ? "the file that was archived" : "has the same size in pixels, but is not the file that was archived");
    }
    add("Written by", archive.software);
  }
  for (const name of slide.images) {
    const figure = document.createElement("figure"), image = document.createElement("img");
    const caption = document.createElement("figcaption");
    Object.assign(image, { src: `images/${encodeURIComponent(name)}.png`, alt: `The slide’s ${name} image`, loading: "lazy" });
    caption.textContent = name;
    figure.append(image, caption);
    document.getElementById("images").append(figure);
  }
}

function number(value) {
  return String(Number(value.toPrecision(4)));
}

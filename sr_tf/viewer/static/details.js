// The panel of what is known of the slide.

const bytes = (count) => `${count.toLocaleString("en")} bytes`;

export function fillDetails(slide) {
  const list = document.getElementById("details-list");
  const tell = (name, ...values) => {
    const term = document.createElement("dt"), meaning = document.createElement("dd");
    term.textContent = name;
    for (const value of values) meaning.append(...(meaning.childNodes.length ? [document.createElement("br")] : []), value);
    list.append(term, meaning);
  };
  tell("File", slide.name);
  tell("Size", `${slide.width.toLocaleString("en")} × ${slide.height.toLocaleString("en")} pixels`);
  tell("Resolution", slide.mpp ? `${number(slide.mpp[0])} × ${number(slide.mpp[1])} µm per pixel` : "not in the file, so no scale bar");
  tell("Objective", slide.objective ? `${number(slide.objective)}×` : "not in the file, so no magnification");
  if (slide.icc) tell("Colour profile", "kept in the file, not applied here");
  const { archive } = slide;
  if (archive) {
    tell("Gate", archive.gate);
    if (archive.sourceName) tell("Made from", archive.sourceName);
    tell("Stored in", bytes(archive.bytes), `${(archive.sourceBytes / archive.bytes).toFixed(1)} times less than the slide’s ${bytes(archive.sourceBytes)}`);
    tell("Representations", ...archive.kinds.map((kind) => `${kind.name}: ${kind.blocks.toLocaleString("en")} ${kind.blocks === 1 ? "block" : "blocks"}, ${bytes(kind.bytes)}`));
    if (archive.generators.length) tell("Generator", archive.generators.join(", "));
    if (archive.sameOriginal !== null) {
      tell("Original beside it", archive.sameOriginal ? "the very file that was archived" : "of the same size, but not the file that was archived");
    }
    tell("Written by", archive.software);
  }
  for (const name of slide.images) {
    const figure = document.createElement("figure"), image = document.createElement("img");
    const caption = document.createElement("figcaption");
    Object.assign(image, { src: `/images/${encodeURIComponent(name)}.png`, alt: `The slide’s ${name} image`, loading: "lazy" });
    caption.textContent = name;
    figure.append(image, caption);
    document.getElementById("images").append(figure);
  }
}

function number(value) {
  return String(Number(value.toPrecision(4)));
}

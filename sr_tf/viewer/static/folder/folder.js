// Lists the slides of a folder. Facts and thumbnails are requested for what is on the screen.

const element = (id) => document.getElementById(id);
const make = (name, className, text = "") => Object.assign(document.createElement(name), { className, textContent: text });

const { folder, slides } = await (await fetch("folder.json")).json();
document.title = `${folder} · sr_tf`;
element("name").textContent = folder;

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    fill(target);
  }
}, { rootMargin: "300px" });

for (const { id, name } of slides) {
  const item = make("li"), link = make("a", "card"), picture = make("div", "picture");
  link.href = `slides/${id}/`;
  const title = make("h2", "", name);
  title.title = name;
  link.append(picture, title, make("p", "facts", "…"));
  item.append(link);
  item.dataset.id = id;
  item.dataset.name = name.toLowerCase();
  element("slides").append(item);
  seen.observe(item);
}

element("filter").addEventListener("input", show);
show();
document.body.dataset.ready = "true";

function show() {
  const wanted = element("filter").value.trim().toLowerCase();
  let count = 0;
  for (const item of element("slides").children) {
    item.hidden = !item.dataset.name.includes(wanted);
    count += !item.hidden;
  }
  const all = slides.length.toLocaleString("en");
  element("count").textContent = wanted ? `${count.toLocaleString("en")} of ${all} slides` : `${all} ${slides.length === 1 ? "slide" : "slides"}`;
  element("empty").hidden = count > 0;
  element("empty").textContent = slides.length ? "No name contains this text." : "No slides, images or archives in this folder.";
}

async function fill(item) {
  const facts = item.querySelector(".facts"), picture = item.querySelector(".picture");
  const answer = await fetch(`cards/${item.dataset.id}.json`).catch(() => null);
  if (!answer?.ok) {
    item.classList.add("refused");
    facts.textContent = answer ? await answer.text() : "The server does not answer.";
    return;
  }
  const card = await answer.json();
  facts.replaceChildren(...lines(card).map((line) => make("span", "", line)));
  if (card.archive) picture.append(make("span", "kind", `archive · ${card.archive.quality}`));
  const image = make("img");
  image.alt = "";
  image.addEventListener("error", () => image.remove());
  image.addEventListener("load", () => item.classList.add("pictured"));
  image.src = `thumbnails/${item.dataset.id}.jpg`;
  picture.prepend(image);
}

function lines({ width, height, mpp, objective, bytes, archive }) {
  const size = `${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels`;
  const power = [objective && `${Number(objective.toPrecision(4))}×`, mpp && `${Number(mpp[0].toPrecision(4))} µm`].filter(Boolean);
  const stored = [shortBytes(bytes)];
  if (archive?.sourceBytes > bytes) stored.push(`${(archive.sourceBytes / bytes).toFixed(1)} times smaller`);
  if (archive?.worstPsnr) stored.push(`worst tile ${archive.worstPsnr} dB`);
  return [[size, ...power].join(" · "), stored.join(" · ")];
}

function shortBytes(count) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power ? value.toPrecision(3) : value} ${units[power]}`;
}
